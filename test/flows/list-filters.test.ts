import { Kysely } from 'kysely'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ListDocument, SeparateDocument, type SeparationFilter } from '../../schema/operations.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import type { Task } from '../../src/separation/task/task.ts'
import type { Database } from '../../src/stores/database/tables.ts'
import { createSqliteDialect } from '../../src/stores/sqlite/sqlite-dialect.ts'
import { openSqliteFile } from '../../src/stores/sqlite/sqlite-file.ts'
import { openStoreOf } from '../support/database.ts'
import { order, startGateway, untilSettled, type TestGateway } from '../support/gateway.ts'
import { insertTasks } from '../support/insert-tasks.ts'
import { failedTask, pendingTask, succeededTask } from '../support/tasks.ts'

const start = Date.UTC(2030, 0, 1)

async function list(gateway: TestGateway, where: SeparationFilter) {
  const { data, errors } = await gateway.send(ListDocument, { where, first: 100 })
  if (errors !== undefined) throw new Error(JSON.stringify(errors))
  const found = (data?.separations.edges ?? []).map(({ node }) => node)
  const counted = await gateway.ask(
    'query ($where: SeparationFilter) { separations(where: $where, first: 1) { totalCount } }',
    { where },
  )
  expect(counted).toEqual({ data: { separations: { totalCount: found.length } } })
  return found
}

describe('the task list', () => {
  test('shows every charged order and why each refused order was refused', async () => {
    const gateway = await startGateway()
    for (const audioId of ['done', 'failed-generation']) {
      await untilSettled(gateway, await order(gateway, { audioId }))
    }
    for (const audioId of ['no-credits', 'no-such-track', 'maintenance']) {
      await gateway.send(SeparateDocument, { input: { musicTaskId: 'my-music', audioId } })
    }
    const charged = await list(gateway, { charge: ['CHARGED', 'MAYBE'] })
    expect(charged.map(({ audioId }) => audioId)).toEqual(['failed-generation', 'done'])
    const ledger = await (await fetch(`${gateway.url}/sandbox/ledger`)).json()
    expect(charged).toHaveLength(ledger.total)

    const refused = await list(gateway, { failureCode: ['SUBMISSION_REFUSED'] })
    expect(refused.map(({ audioId, failure }) => [audioId, failure?.refusal])).toEqual([
      ['maintenance', 'UNAVAILABLE'],
      ['no-such-track', 'TRACK_NOT_FOUND'],
      ['no-credits', 'INSUFFICIENT_CREDITS'],
    ])
    expect(
      (await list(gateway, { failureCode: ['GENERATION_FAILED'] })).map(({ failure }) => failure?.refusal),
    ).toEqual([null])
  })

  test('can be filtered by each property alone and by several together', async () => {
    const gateway = await startGateway()
    const store = await openStoreOf(gateway)
    const unheard = failedTask({
      charge: 'MAYBE',
      failure: { ...failedTask().failure, code: 'SUBMISSION_UNCONFIRMED' },
    })
    const makes: readonly ((change: object) => Task)[] = [
      (change) => pendingTask({ charge: 'MAYBE', ...change }),
      (change) => succeededTask(change),
      (change) => failedTask(change),
      (change) => ({ ...unheard, ...change }),
    ]
    const tasks = makes.flatMap((make, nth) =>
      ['one', 'two'].flatMap((musicTaskId, second) =>
        [0, 1].map((third) => {
          const id = newTaskId()
          const createdAtMs = start + (nth * 4 + second * 2 + third) * 1_000
          return make({ id, providerTaskId: id, musicTaskId, createdAtMs })
        }),
      ),
    )
    for (const task of tasks) await store.adopt(task, null)
    const count = async (where: SeparationFilter) => (await list(gateway, where)).length
    expect(await count({ settled: null, charge: null, failureCode: null, createdAfter: null, musicTaskId: null })).toBe(
      16,
    )
    expect(await count({ settled: true })).toBe(12)
    expect(await count({ settled: false })).toBe(4)
    expect(await count({ charge: ['CHARGED'] })).toBe(8)
    expect(await count({ charge: ['NONE'] })).toBe(0)
    expect(await count({ charge: [] })).toBe(0)
    expect(await count({ failureCode: [] })).toBe(0)
    expect(await count({ failureCode: ['SUBMISSION_UNCONFIRMED', 'NO_RESULT'] })).toBe(4)
    expect(await count({ failureCode: Array<'NO_RESULT'>(1_200).fill('NO_RESULT') })).toBe(0)
    expect(await count({ musicTaskId: 'two' })).toBe(8)
    expect(await count({ musicTaskId: 'two', audioId: 'audio-1', settled: true, charge: ['CHARGED'] })).toBe(4)
    expect(await count({ musicTaskId: 'two', audioId: 'other' })).toBe(0)
    expect(await count({ settled: false, status: ['SUCCESS'] })).toBe(0)
    expect(await count({ settled: true, charge: ['MAYBE'] })).toBe(4)
    expect(await count({ settled: true, charge: ['MAYBE'], failureCode: ['GENERATION_FAILED'] })).toBe(0)

    // createdAfter is inclusive, createdBefore exclusive: adjacent time ranges share no task.
    const at = (second: number) => new Date(start + second * 1_000).toISOString()
    expect(await count({ createdAfter: at(4) })).toBe(12)
    expect(await count({ createdBefore: at(4) })).toBe(4)
    expect(await count({ createdAfter: at(4), createdBefore: at(6), settled: true })).toBe(2)
    expect(await count({ createdAfter: '0001-01-01T00:00:00Z', createdBefore: '9999-12-31T23:59:59Z' })).toBe(16)
  })

  test('is counted exactly up to 10,000 tasks, and not beyond', async () => {
    const gateway = await startGateway()
    const path = gateway.environment['DATABASE_URL']?.replace('file:', '') ?? ''
    const db = new Kysely<Database>({ dialect: createSqliteDialect(openSqliteFile(path)) })
    onTestFinished(() => db.destroy())
    const counted = async () => (await gateway.ask('{ separations(first: 1) { totalCount } }')).data?.['separations']
    await insertTasks(
      db,
      Array.from({ length: 9_999 }, () => failedTask()),
    )
    // The same request, again and again: its answer is not kept.
    for (let nth = 0; nth < 3; nth++) expect(await counted()).toEqual({ totalCount: 9_999 })
    await insertTasks(db, [failedTask()])
    expect(await counted()).toEqual({ totalCount: 10_000 })
    await insertTasks(db, [failedTask()])
    expect(await counted()).toEqual({ totalCount: null })
  })

  test('finds a failure by its code, whatever its message says', async () => {
    const gateway = await startGateway()
    const store = await openStoreOf(gateway)
    const message = 'It said "code":"NO_RESULT" \u0000 and \ud800.'
    const task = failedTask({
      failure: { code: 'GENERATION_FAILED', providerCode: 1, message, by: 'callback', atMs: start },
    })
    await store.adopt(task, null)
    expect((await list(gateway, { failureCode: ['GENERATION_FAILED'] })).map(({ id }) => id)).toEqual([task.id])
    expect(await list(gateway, { failureCode: ['NO_RESULT'] })).toEqual([])
  })
})
