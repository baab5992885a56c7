import { describe, expect, onTestFinished, test } from 'vitest'
import { deletionDueAtMs } from '../../src/separation/file-retention.ts'
import { openPostgresStore } from '../../src/stores/postgres/postgres-store.ts'
import { openSqliteStore } from '../../src/stores/sqlite/sqlite-store.ts'
import { newMigratedDatabase } from '../support/database.ts'
import { findPostgres } from '../support/services.ts'
import { pendingTask, succeededTask } from '../support/tasks.ts'
import type { Store } from '../../src/separation/store/store.ts'

const postgres = await findPostgres()
const silentLog = { debug() {}, info() {}, warn() {}, error() {} }

const stores: readonly (readonly [string, () => Promise<Store>])[] = [
  ['SQLite', () => openSqliteStore(':memory:')],
  ...(postgres === null
    ? []
    : [['PostgreSQL', async () => openPostgresStore(await newMigratedDatabase(), silentLog)] as const]),
]

describe.each(stores)('the work of the archive in %s', (_name, open) => {
  async function start() {
    const store = await open()
    onTestFinished(() => store.close())
    const lease = async (nowMs: number, leaseUntilMs: number, limit = 10) =>
      (await store.archive.leaseDue(nowMs, leaseUntilMs, limit)).map(({ id, attempts }) => [id, attempts])
    return { store, lease }
  }

  test('is due in the write that makes a task succeed, and only if that is written', async () => {
    const { store, lease } = await start()
    const pending = pendingTask()
    await store.adopt(pending, null)
    const task = succeededTask({ id: pending.id, providerTaskId: pending.providerTaskId, revision: 2 })
    expect(await store.replace({ ...task, revision: 9 }, pending, undefined, { archiveAtMs: 100 })).toBe(false)
    expect(await lease(1_000, 2_000)).toEqual([])
    expect(await store.replace(task, pending, { leaseUntilMs: null, dueAtMs: 7 }, { archiveAtMs: 100 })).toBe(true)
    expect(await lease(99, 2_000)).toEqual([])
    expect(await lease(100, 2_000)).toEqual([[task.id, 1]])
    expect(await lease(1_999, 3_000)).toEqual([])
    expect(await lease(2_000, 3_000)).toEqual([[task.id, 2]])
  })

  test('is due for an adopted task, unless the task was known before', async () => {
    const { store, lease } = await start()
    const task = succeededTask()
    await store.adopt(task, null, { archiveAtMs: 100 })
    expect(await lease(100, 200)).toEqual([[task.id, 1]])
    await store.archive.release(task.id, 200, null)
    await store.adopt(succeededTask({ providerTaskId: task.providerTaskId }), null, { archiveAtMs: 300 })
    expect(await lease(1_000, 2_000)).toEqual([])
  })

  test('is due at once after its lease if it was made due meanwhile, and its attempts count anew', async () => {
    const { store, lease } = await start()
    const task = succeededTask()
    await store.adopt(task, null, { archiveAtMs: 100 })
    await lease(100, 1_000)
    await store.archive.renew([task.id], 1_000, 1_500)
    await store.archive.makeDue(task, 200)
    expect(await lease(1_400, 2_000)).toEqual([])
    // The work goes on, and its lease is renewed as any other.
    await store.archive.renew([task.id], 1_500, 1_800)
    expect(await lease(1_700, 2_000)).toEqual([])
    await store.archive.release(task.id, 1_800, null)
    expect(await lease(1_700, 2_000)).toEqual([[task.id, 1]])
    await store.archive.release(task.id, 1_999, 5)
    expect(await lease(1_700, 2_500)).toEqual([])
    expect(await store.archive.countDue(2_000)).toBe(1)
  })

  test('is leased to one gateway, and to another when all leases are ended', async () => {
    const { store, lease } = await start()
    const tasks = Array.from({ length: 6 }, () => succeededTask())
    for (const task of tasks) await store.adopt(task, null, { archiveAtMs: 100 })
    const leased = await Promise.all([lease(100, 1_000, 3), lease(100, 1_001, 3), lease(100, 1_002, 3)])
    expect(
      leased
        .flat()
        .map(([id]) => String(id))
        .toSorted(),
    ).toEqual(tasks.map(({ id }) => id).toSorted())
    await store.archive.releaseAllLeases()
    expect(await lease(100, 1_003)).toHaveLength(6)
  })

  test('is found missing for tasks that have succeeded, in pages, and added once', async () => {
    const { store, lease } = await start()
    const tasks = Array.from({ length: 3 }, () => succeededTask())
    for (const task of [pendingTask(), ...tasks]) await store.adopt(task, null)
    const found: string[] = []
    let after = ''
    for (;;) {
      const { tasks: page, lastId } = await store.archive.findMissing({ after, limit: 2 })
      found.push(...page.map(({ id }) => id))
      if (lastId === null) break
      after = lastId
    }
    expect(found.toSorted()).toEqual(tasks.map(({ id }) => id).toSorted())
    const [one, two, three] = tasks
    if (!one || !two || !three) throw new Error('There are three tasks.')
    const entries = [
      { task: one, dueAtMs: 0 },
      { task: two, dueAtMs: null },
      { task: three, dueAtMs: 5_000 },
    ]
    await store.archive.add(entries)
    await store.archive.add(entries.map(({ task }) => ({ task, dueAtMs: 1 })))
    expect((await store.archive.findMissing({ after: '', limit: 10 })).tasks).toEqual([])
    expect(await lease(4_999, 6_000)).toEqual([[one.id, 1]])
  })

  test('deletes by another retention, also what was kept for ever, and leaves other work as it is', async () => {
    const { store, lease } = await start()
    const completedAtMs = { value: 1_000, by: 'record-info', isReported: true } as const
    const [forEver, later, retry, over] = [1, 2, 3, 4].map(() => succeededTask({ completedAtMs }))
    if (!forEver || !later || !retry || !over) throw new Error('There are four tasks.')
    const forEverMs = deletionDueAtMs(forEver, { providerMs: 0, archiveMs: Infinity })
    for (const task of [forEver, later, retry, over]) await store.adopt(task, null)
    await store.archive.add([
      { task: forEver, dueAtMs: forEverMs },
      { task: over, dueAtMs: null },
      { task: later, dueAtMs: 900_000 },
      { task: retry, dueAtMs: 700 },
    ])
    await store.archive.keepFor(5_000, 10_000)
    expect(await lease(5_999, 20_000)).toEqual([[retry.id, 1]])
    expect((await lease(6_000, 20_001)).map(([id]) => String(id)).toSorted()).toEqual([forEver.id, later.id].toSorted())
  })
})
