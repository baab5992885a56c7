import * as fc from 'fast-check'
import { print } from 'graphql'
import { expect, test } from 'vitest'
import { ReadDocument } from '../../schema/operations.ts'
import type { Store } from '../../src/separation/store/store.ts'
import type { Task } from '../../src/separation/task/task.ts'
import { newDatabase, openStoreOf } from '../support/database.ts'
import { startGateway } from '../support/gateway.ts'
import { startProgram } from '../support/program.ts'
import { pendingTask, succeededTask } from '../support/tasks.ts'
import { post } from '../support/transports.ts'

const query = print(ReadDocument)

async function readRevision(url: string, taskId: string): Promise<number> {
  const response = await post(url, { query, variables: { taskId } }, 'application/json')
  const { data }: { data: { separation: { revision: number } } } = JSON.parse(await response.text())
  return data.separation.revision
}

/** Changes a task several times; `acknowledged` holds the revision of the last change that the store has confirmed. */
async function change(
  url: string,
  store: Store,
  first: Task,
  times: number,
  acknowledged: Map<string, number>,
): Promise<void> {
  let task = first
  for (let i = 0; i < times; i++) {
    const next = succeededTask({ ...task, state: 'succeeded', revision: task.revision + 1 })
    expect(await store.replace(next, task)).toBe(true)
    acknowledged.set(task.id, next.revision)
    // The gateway keeps this answer, which the next change makes outdated.
    expect(await readRevision(url, task.id)).toBe(next.revision)
    task = next
  }
}

/** Reads a task until `isDone`, and fails if an answer is older than a change that was confirmed before the request. */
async function readAlongside(
  url: string,
  taskId: string,
  acknowledged: ReadonlyMap<string, number>,
  isDone: () => boolean,
): Promise<void> {
  for (;;) {
    const wasDone = isDone()
    const confirmed = acknowledged.get(taskId) ?? 1
    expect(await readRevision(url, taskId)).toBeGreaterThanOrEqual(confirmed)
    if (wasDone) return
  }
}

async function readWhileChanging(url: string, store: Store, changes: readonly number[]): Promise<void> {
  const tasks = changes.map(() => pendingTask())
  for (const task of tasks) await store.adopt(task, null)
  const acknowledged = new Map<string, number>()
  let left = tasks.length
  const writing = tasks.map((task, index) =>
    change(url, store, task, changes[index] ?? 0, acknowledged).finally(() => (left -= 1)),
  )
  const reading = tasks.flatMap(({ id }) =>
    Array.from({ length: 2 }, () => readAlongside(url, id, acknowledged, () => left === 0)),
  )
  await Promise.all([...writing, ...reading])
  for (const [index, { id }] of tasks.entries()) {
    expect(await readRevision(url, id)).toBe(1 + (changes[index] ?? 0))
  }
}

const changeCounts = fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 4 })

test('an answer is never older than the last change that another connection has stored', async () => {
  const gateway = await startGateway({ REQUESTS_PER_MINUTE: '1000000' })
  const store = await openStoreOf(gateway)
  await fc.assert(
    fc.asyncProperty(changeCounts, (changes) => readWhileChanging(gateway.url, store, changes)),
    { numRuns: 15, endOnFailure: true },
  )
})

test('an answer is never older than the last change that another process has stored', async () => {
  const environment = { ...(await newDatabase()), REQUESTS_PER_MINUTE: '1000000', SANDBOX: 'true' }
  const program = startProgram(environment)
  const url = await program.url
  const store = await openStoreOf({ environment })
  await fc.assert(
    fc.asyncProperty(changeCounts, (changes) => readWhileChanging(url, store, changes)),
    { numRuns: 15, endOnFailure: true },
  )
})
