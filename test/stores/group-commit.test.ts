import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DuplicateBindingError } from '../../src/separation/errors.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import type { PendingTask, Task } from '../../src/separation/task/task.ts'
import { openPostgresStore } from '../../src/stores/postgres/postgres-store.ts'
import { openSqliteStore } from '../../src/stores/sqlite/sqlite-store.ts'
import { newMigratedDatabase } from '../support/database.ts'
import { findPostgres } from '../support/services.ts'
import { pendingTask } from '../support/tasks.ts'
import type { Store } from '../../src/separation/store/store.ts'

const postgres = await findPostgres()
const silentLog = { debug() {}, info() {}, warn() {}, error() {} }
const someTime = 1_700_000_000_000

async function newFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'stemgate.db')
}

/** Opens a store that is closed after the test. */
async function open(opening: Promise<Store>): Promise<Store> {
  const store = await opening
  onTestFinished(() => store.close())
  return store
}

function unbound(change: Partial<PendingTask> = {}): PendingTask {
  return pendingTask({ id: newTaskId(), providerTaskId: null, charge: 'MAYBE', createdAtMs: someTime, ...change })
}

function admitted(store: Store, task: Task, key: string | null = null) {
  return store.createOrder({
    task,
    key: key === null ? null : { owner: task.owner, key, fingerprint: `${task.audioId}` },
    dueAtMs: 10,
    canJoin: () => true,
    isAdmitted: true,
  })
}

type Write = (store: Store) => Promise<unknown>

const [track, key, atMs] = [fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }), fc.integer({ max: 5_000 })]

/** Writes that meet each other: few tracks, keys and ids, and leases that end. */
function anyWrite(tasks: readonly PendingTask[]): fc.Arbitrary<Write> {
  const taskOf = (index: number): PendingTask => tasks[index] ?? unbound()
  const lease = fc.integer({ min: 1, max: 3 }).map((nth) => nth * 1_000)
  return fc.oneof(
    fc.tuple(track, key, fc.boolean()).map(
      ([nth, name, isRepeated]): Write =>
        (store) =>
          admitted(store, taskOf(isRepeated ? nth : nth + 4), name === 0 ? null : `key ${name}`),
    ),
    fc.tuple(track, fc.integer({ min: 2, max: 4 }), track).map(([nth, revision, id]): Write => {
      const task = taskOf(nth)
      return (store) => store.replace({ ...task, revision, providerTaskId: `id ${id}`, charge: 'CHARGED' }, task)
    }),
    fc.tuple(track, atMs, fc.option(lease, { nil: undefined })).map(
      ([nth, receivedAtMs, leaseUntilMs]): Write =>
        (store) =>
          store.saveCallback(
            { taskId: taskOf(nth).id, receivedAtMs, providerTaskId: null, report: null },
            leaseUntilMs === undefined ? {} : { leaseUntilMs },
          ),
    ),
    fc.tuple(atMs, lease).map(
      ([nowMs, leaseUntilMs]): Write =>
        (store) =>
          store.leaseDue('kie', nowMs, leaseUntilMs, 2),
    ),
    fc.tuple(track, lease, fc.option(atMs)).map(
      ([nth, leaseUntilMs, dueAtMs]): Write =>
        (store) =>
          store.release(taskOf(nth).id, leaseUntilMs, dueAtMs),
    ),
  )
}

/** What a write has come to, so that two stores can be compared. */
async function resultOf(written: Promise<unknown>): Promise<unknown> {
  try {
    return await written
  } catch (error) {
    return String(error)
  }
}

async function contentsOf(store: Store, tasks: readonly Task[]): Promise<unknown> {
  const found = await store.find(tasks.map(({ id }) => id))
  return Promise.all(
    found
      .toSorted((a, b) => a.id.localeCompare(b.id))
      .map(async (task) => [task, await store.savedCallbacks(task.id)] as const),
  )
}

describe('writes of one turn on SQLite', () => {
  test('have the results that they have one after the other', async () => {
    // The second four tasks are equal orders for the tracks of the first four.
    const tasks = Array.from({ length: 8 }, (_, nth) =>
      unbound({ audioId: `track ${nth % 4}`, createdAtMs: someTime + nth }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(anyWrite(tasks), { minLength: 1, maxLength: 30 }), async (writes) => {
        const [grouped, alone] = [await openSqliteStore(':memory:'), await openSqliteStore(':memory:')]
        try {
          const together = await Promise.all(writes.map((write) => resultOf(write(grouped))))
          const inTurn: unknown[] = []
          for (const write of writes) inTurn.push(await resultOf(write(alone)))
          expect(together).toEqual(inTurn)
          expect(await contentsOf(grouped, tasks)).toEqual(await contentsOf(alone, tasks))
        } finally {
          await grouped.close()
          await alone.close()
        }
      }),
      { numRuns: 60 },
    )
  })

  test('that fail are undone alone', async () => {
    const store = await open(openSqliteStore(await newFile()))
    const [one, two, three] = [unbound({ audioId: '1' }), unbound({ audioId: '2' }), unbound({ audioId: '3' })]
    for (const task of [one, two]) await admitted(store, task)
    // Its task is inserted before its key fails.
    const half = unbound({ audioId: '4' })
    const halfKey = { owner: half.owner, key: 'half', fingerprint: 'NUL \u0000' }
    const bound = (task: Task): Task => ({ ...task, providerTaskId: 'taken', revision: 2 })
    const results = await Promise.allSettled([
      store.replace(bound(one), one),
      store.replace(bound(two), two),
      store.createOrder({ task: half, key: halfKey, dueAtMs: 10, canJoin: null, isAdmitted: true }),
      admitted(store, three, 'key'),
    ])
    expect(results).toMatchObject([
      { status: 'fulfilled', value: true },
      { status: 'rejected', reason: expect.any(DuplicateBindingError) },
      { status: 'rejected', reason: expect.any(TypeError) },
      { status: 'fulfilled', value: { kind: 'new', task: three } },
    ])
    expect(await store.revisions([one, two, half, three].map(({ id }) => id))).toEqual(
      new Map([
        [one.id, 2],
        [two.id, 1],
        [three.id, 1],
      ]),
    )
  })

  test('are not read before they are committed', async () => {
    const path = await newFile()
    const [store, other] = [await open(openSqliteStore(path)), await open(openSqliteStore(path))]
    const task = unbound()
    let isCommitted = false
    const written = admitted(store, task).then(() => (isCommitted = true))
    while (!isCommitted) {
      const seen = (await store.revisions([task.id])).size
      // Another process sees it as well, so it is committed.
      expect((await other.revisions([task.id])).size).toBeGreaterThanOrEqual(seen)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await written
    expect(await other.find([task.id])).toEqual([task])
  })

  test('that wait are committed before the store is closed', async () => {
    const path = await newFile()
    const store = await openSqliteStore(path)
    const tasks = Array.from({ length: 300 }, (_, nth) => unbound({ audioId: `track ${nth}` }))
    const placed = Promise.all(tasks.map((task) => admitted(store, task)))
    await store.close()
    expect((await placed).every(({ kind }) => kind === 'new')).toBe(true)
    const reopened = await open(openSqliteStore(path))
    expect((await reopened.revisions(tasks.map(({ id }) => id))).size).toBe(300)
  })
})

/** Two stores on one database, as two processes have them. */
const pairs: Readonly<Record<string, () => Promise<readonly [Store, Store]>>> = {
  SQLite: async () => {
    const path = await newFile()
    return [await open(openSqliteStore(path)), await open(openSqliteStore(path))]
  },
  ...(postgres === null
    ? {}
    : {
        PostgreSQL: async () => {
          const url = await newMigratedDatabase()
          return [await open(openPostgresStore(url, silentLog)), await open(openPostgresStore(url, silentLog))]
        },
      }),
}

test.each(Object.entries(pairs))(
  'a read on %s is never older than the last acknowledged change, whoever wrote it',
  async (_name, openPair) => {
    const pair = await openPair()
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ writer: fc.nat(1), reader: fc.nat(1), nth: fc.nat(3), turns: fc.nat(3) }), {
          minLength: 40,
          maxLength: 40,
        }),
        async (steps) => {
          const tasks = Array.from({ length: 4 }, () => unbound({ audioId: newTaskId() }))
          const acknowledged = new Map<string, number>()
          for (const task of tasks) await admitted(pair[0], task)
          await Promise.all(
            steps.map(async ({ writer, reader, nth, turns }) => {
              const { id } = tasks[nth] ?? unbound()
              for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve))
              const [task] = await (pair[writer] ?? pair[0]).find([id])
              if (task === undefined) throw new Error('The task must be stored.')
              const next = { ...task, revision: task.revision + 1 }
              if (await (pair[writer] ?? pair[0]).replace(next, task)) {
                acknowledged.set(id, Math.max(acknowledged.get(id) ?? 1, next.revision))
              }
              const from = pair[reader] ?? pair[0]
              const least = new Map(acknowledged)
              const [revisions, found] = await Promise.all([
                from.revisions(tasks.map((each) => each.id)),
                from.find(tasks.map((each) => each.id)),
              ])
              for (const each of tasks) {
                const known = least.get(each.id) ?? 1
                expect(revisions.get(each.id)).toBeGreaterThanOrEqual(known)
                expect(found.find((one) => one.id === each.id)?.revision).toBeGreaterThanOrEqual(known)
              }
            }),
          )
        },
      ),
      { numRuns: 10 },
    )
  },
)
