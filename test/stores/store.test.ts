import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseSync } from '@photostructure/sqlite'
import { Kysely, sql } from 'kysely'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { DuplicateBindingError, StoreUnavailableError } from '../../src/separation/errors.ts'
import type { ProviderReport } from '../../src/separation/task/report.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import type { PendingTask, Task } from '../../src/separation/task/task.ts'
import type { ProviderName } from '../../src/separation/task/provider-name.ts'
import { createSqliteDialect } from '../../src/stores/sqlite/sqlite-dialect.ts'
import { openSqliteFile } from '../../src/stores/sqlite/sqlite-file.ts'
import { openPostgresStore } from '../../src/stores/postgres/postgres-store.ts'
import { openSqliteStore } from '../../src/stores/sqlite/sqlite-store.ts'
import { parseStoredReport } from '../../src/stores/task/stored-task.ts'
import { newMigratedDatabase } from '../support/database.ts'
import { findPostgres } from '../support/services.ts'
import { failedTask, pendingTask, succeededTask } from '../support/tasks.ts'
import type { IdempotencyKey, NewOrder } from '../../src/separation/store/order-writer.ts'
import type { TaskPage } from '../../src/separation/store/task-reader.ts'
import type { Store } from '../../src/separation/store/store.ts'

const postgres = await findPostgres()
const silentLog = { debug() {}, info() {}, warn() {}, error() {} }
const someTime = 1_700_000_000_000

/** A path in a new folder that is deleted after the test. */
async function newPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'data', 'stemgate.db')
}

async function open(path: string): Promise<Store> {
  const store = await openSqliteStore(path)
  onTestFinished(() => store.close())
  return store
}

function unbound(change: Partial<PendingTask> = {}): PendingTask {
  return pendingTask({ id: newTaskId(), providerTaskId: null, charge: 'MAYBE', ...change })
}

const keyOf = (key: string, fingerprint = 'input', owner = 'anonymous'): IdempotencyKey => ({ owner, key, fingerprint })
const anything = () => true
const isAdmitted = true
/** A budget's counter of every order. */
const allOrders = { name: 'orders/day', startMs: 0, endMs: Number.MAX_SAFE_INTEGER, amountOf: () => 1 }

const report: ProviderReport = {
  kind: 'reported',
  by: 'callback',
  providerTaskId: 'provider-task',
  outcome: {
    state: 'succeeded',
    stems: [
      {
        part: 'other',
        label: 'Crowd',
        url: 'https://files.example/crowd.mp3',
        durationSeconds: 1.5,
        originId: 'origin-1',
      },
    ],
    completedAtMs: someTime,
  },
  type: 'split_stem',
  audioId: null,
  musicId: 'music',
  originUrl: null,
}

const stores: readonly (readonly [string, () => Promise<Store>])[] = [
  ['an SQLite file', async () => openSqliteStore(await newPath())],
  ['an SQLite database in memory', () => openSqliteStore(':memory:')],
  ...(postgres === null
    ? []
    : [['a PostgreSQL database', async () => openPostgresStore(await newMigratedDatabase(), silentLog)] as const]),
]

describe.each(stores)('the store in %s', (_name, openNew) => {
  let store: Store
  beforeEach(async () => {
    const opened = await openNew()
    store = opened
    return () => opened.close()
  })

  const createOrder = (task: Task, more: Partial<NewOrder> = {}) =>
    store.createOrder({ task, key: null, dueAtMs: someTime, canJoin: anything, isAdmitted, ...more })

  describe('createOrder', () => {
    test('inserts the first order for a track and joins the second one to it', async () => {
      const [first, second] = [unbound(), unbound()]
      expect(await createOrder(first)).toEqual({ kind: 'new', task: first })
      expect(await createOrder(second)).toEqual({ kind: 'joined', task: first })
      expect(await store.find([first.id, second.id])).toEqual([first])
    })

    test.each([
      ['caller', { owner: 'key:other' }],
      ['provider', { provider: 'sunoapi' as const }],
      ['type', { type: 'split_stem' as const }],
      ['music', { musicTaskId: 'other' }],
      ['track', { audioId: 'other' }],
    ])('does not join orders that differ in %s', async (_what, change) => {
      await createOrder(unbound({ type: 'separate_vocal' }))
      expect(await createOrder(unbound({ type: 'separate_vocal', ...change }))).toMatchObject({ kind: 'new' })
    })

    test('joins the newest joinable order, but no refused or adopted task', async () => {
      const oldest = unbound({ createdAtMs: someTime })
      const middle = unbound({ createdAtMs: someTime + 1 })
      const newest = failedTask({ id: newTaskId(), providerTaskId: null, createdAtMs: someTime + 2, charge: 'NONE' })
      for (const task of [oldest, middle, newest]) await createOrder(task, { canJoin: null, isAdmitted })
      await store.adopt(pendingTask({ id: newTaskId(), providerTaskId: 'outside', musicTaskId: null }), null)
      const asked: string[] = []
      const canJoin = (earlier: Task) => asked.push(earlier.id) > 0 && earlier.id === oldest.id
      expect(await createOrder(unbound(), { canJoin })).toEqual({ kind: 'joined', task: oldest })
      expect(asked).toEqual([middle.id, oldest.id])
      expect(await createOrder(unbound(), { canJoin: () => false })).toMatchObject({ kind: 'new' })
    })

    test('joins a queued order, whose keys lead to its task for good', async () => {
      const queued = unbound({ charge: 'NONE' })
      await createOrder(queued, { key: keyOf('first'), canJoin: null, isAdmitted })
      expect(await createOrder(unbound(), { key: keyOf('second'), canJoin: anything })).toEqual({
        kind: 'joined',
        task: queued,
      })
      const refused = failedTask({ id: queued.id, charge: 'NONE', revision: queued.revision + 1 })
      await store.replace(refused, queued)
      for (const key of ['first', 'second']) {
        expect(await createOrder(unbound(), { key: keyOf(key), canJoin: null })).toEqual({
          kind: 'joined',
          task: refused,
        })
      }
    })

    test('reads the queued orders of each owner, oldest first, until they are sent', async () => {
      const queuedOf = (owner: string, ms: number, change: Partial<PendingTask> = {}) =>
        unbound({ owner, createdAtMs: someTime + ms, charge: 'NONE', audioId: `${owner}-${ms}`, ...change })
      const [b2, a1, b1, c1] = [queuedOf('b', 2), queuedOf('a', 1), queuedOf('b', 1), queuedOf('c', 1)]
      const elsewhere = queuedOf('d', 1, { provider: 'apikley' })
      for (const task of [b2, a1, b1, c1, elsewhere, unbound({ owner: 'e' })]) {
        await createOrder(task, { canJoin: null, isAdmitted })
      }
      expect(await store.queuedOwners('kie', { after: '', limit: 10 })).toEqual(['a', 'b', 'c'])
      expect(await store.queuedOwners('kie', { after: '', limit: 2 })).toEqual(['a', 'b'])
      expect(await store.queuedOwners('kie', { after: 'b', limit: 2 })).toEqual(['c'])
      expect(await store.queuedOwners('sunoapi', { after: '', limit: 10 })).toEqual([])
      expect(await store.queuedOrders('kie', 'b', 10)).toEqual([b1, b2])
      expect(await store.queuedOrders('kie', 'b', 1)).toEqual([b1])
      const sent = { ...b1, charge: 'MAYBE', revision: b1.revision + 1 } as const
      const due = { leaseUntilMs: null, dueAtMs: someTime + 50 } as const
      expect(await store.replace(sent, b1, due)).toBe(true)
      expect(await store.replace(sent, b1, due)).toBe(false)
      expect(await store.queuedOrders('kie', 'b', 10)).toEqual([b2])
      expect((await store.leaseDue('kie', someTime + 49, someTime + 100, 10)).map(({ id }) => id)).not.toContain(b1.id)
      expect((await store.leaseDue('kie', someTime + 50, someTime + 101, 10)).map(({ id }) => id)).toContain(b1.id)
    })

    test('returns the task of a known key, and a conflict for another input', async () => {
      const task = unbound()
      await createOrder(task, { key: keyOf('key') })
      const other = unbound({ audioId: 'other' })
      expect(await createOrder(other, { key: keyOf('key'), canJoin: null, isAdmitted })).toEqual({
        kind: 'joined',
        task,
      })
      expect(await createOrder(other, { key: keyOf('key', 'other input') })).toEqual({ kind: 'conflict', task })
      expect(await createOrder(other, { key: keyOf('key', 'input', 'key:other') })).toEqual({
        kind: 'new',
        task: other,
      })
    })

    test('frees the unconfirmed keys of a refused order and keeps the confirmed ones', async () => {
      const task = unbound()
      for (const key of ['a', 'b', 'c']) await createOrder(task, { key: keyOf(key) })
      await store.confirmKey(task, 'b')
      await store.confirmKey({ ...task, owner: 'key:other' }, 'c')
      const [another, elsewhere] = [unbound(), unbound({ audioId: 'elsewhere' })]
      const orderAgain = (each: Task, key: string) => createOrder(each, { key: keyOf(key), canJoin: null })
      expect(await orderAgain(another, 'a')).toEqual({ kind: 'joined', task })

      const refused = failedTask({ id: task.id, charge: 'NONE', revision: task.revision + 1 })
      await store.replace(refused, task)
      expect(await orderAgain(another, 'b')).toEqual({ kind: 'joined', task: refused })
      expect(await orderAgain(another, 'a')).toEqual({ kind: 'new', task: another })
      expect(await orderAgain(unbound(), 'a')).toEqual({ kind: 'joined', task: another })
      expect(await createOrder(elsewhere, { key: keyOf('c', 'another input') })).toEqual({
        kind: 'new',
        task: elsewhere,
      })
      // Confirming the key for its previous task has no effect.
      await store.confirmKey(task, 'c')
      await store.replace(failedTask({ id: elsewhere.id, charge: 'NONE', revision: elsewhere.revision + 1 }), elsewhere)
      expect(await orderAgain(unbound({ audioId: 'third' }), 'c')).toMatchObject({ kind: 'new' })
    })

    test('returns a repeated order as new', async () => {
      const task = unbound()
      for (const key of [null, keyOf('key')]) {
        const order = unbound({ audioId: `${key?.key}` })
        expect(await createOrder(order, { key })).toEqual({ kind: 'new', task: order })
        expect(await createOrder(order, { key })).toEqual({ kind: 'new', task: order })
        expect(await createOrder(task, { key: keyOf('another') })).toMatchObject({ kind: 'new' })
      }
      // Also if another order for the track was created meanwhile.
      await createOrder(unbound({ createdAtMs: task.createdAtMs + 1 }), { canJoin: null })
      expect(await createOrder(task)).toEqual({ kind: 'new', task })
    })

    test('returns a repeated order that may join no other as new, and counts it once', async () => {
      const task = unbound()
      const order = { canJoin: null, claims: [{ ...allOrders, amount: 1, limit: 1 }] }
      expect(await createOrder(task, order)).toEqual({ kind: 'new', task, used: [1] })
      expect(await createOrder(task, order)).toEqual({ kind: 'new', task })
      expect(await store.budgetsUsed(task.owner, [allOrders])).toEqual([1])
    })

    test.each(["'; drop table tasks; --", '🥁'.repeat(100), ' '])('accepts the key %j', async (key) => {
      const task = unbound()
      await createOrder(task, { key: keyOf(key) })
      expect(await createOrder(unbound(), { key: keyOf(key), canJoin: null, isAdmitted })).toEqual({
        kind: 'joined',
        task,
      })
      expect(await createOrder(unbound(), { key: keyOf(`${key}x`), canJoin: null, isAdmitted })).toMatchObject({
        kind: 'new',
      })
    })

    test('rejects text with a NUL, which SQLite would truncate', async () => {
      await expect(createOrder(unbound(), { key: keyOf('a\u0000b') })).rejects.toThrow(/NUL|0x00/)
      expect(await createOrder(unbound(), { key: keyOf('a') })).toMatchObject({ kind: 'new' })
    })

    test('inserts no order that is not admitted, but joins it and keeps its key', async () => {
      const [first, second] = [unbound(), unbound()]
      const waiting = { key: keyOf('key'), isAdmitted: false }
      expect(await createOrder(first, waiting)).toEqual({ kind: 'not-admitted' })
      expect(await store.find([first.id])).toEqual([])
      await createOrder(first)
      expect(await createOrder(second, { isAdmitted: false })).toEqual({ kind: 'joined', task: first })
      expect(await createOrder(second, waiting)).toEqual({ kind: 'joined', task: first })
      // The key leads to the task from now on, whatever it is used for.
      const elsewhere = unbound({ audioId: 'elsewhere' })
      expect(await createOrder(elsewhere, waiting)).toEqual({ kind: 'joined', task: first })
      expect(await createOrder(elsewhere, { key: keyOf('key', 'other input'), isAdmitted: false })).toEqual({
        kind: 'conflict',
        task: first,
      })
    })

    test('answers concurrent orders with one task', async () => {
      const byKey = Array.from({ length: 50 }, () => createOrder(unbound(), { key: keyOf('key') }))
      const byTrack = Array.from({ length: 50 }, () => createOrder(unbound()))
      const placed = await Promise.all([...byKey, ...byTrack])
      expect(placed.filter(({ kind }) => kind === 'new')).toHaveLength(1)
      expect(new Set(placed.map((each) => ('task' in each ? each.task.id : null))).size).toBe(1)
    })

    test('writes nothing if it fails', async () => {
      const order = { key: keyOf('key'), canJoin: null, claims: [{ ...allOrders, amount: 1, limit: 9 }] }
      await createOrder(unbound({ providerTaskId: 'taken' }))
      const failing = createOrder(unbound({ providerTaskId: 'taken' }), order)
      await expect(failing).rejects.toThrow(DuplicateBindingError)
      expect(await createOrder(unbound(), order)).toMatchObject({ kind: 'new', used: [2] })
    })
  })

  describe('replace', () => {
    test('writes the next revision and no other', async () => {
      const task = unbound()
      await createOrder(task)
      const next = succeededTask({ id: task.id, revision: task.revision + 1 })
      expect(await store.replace(next, task)).toBe(true)
      expect(await store.find([task.id])).toEqual([next])
      for (const revision of [task.revision, task.revision + 1, task.revision + 3]) {
        expect(await store.replace({ ...next, revision }, next)).toBe(false)
      }
      expect(await store.find([task.id])).toEqual([next])
      expect(await store.replace({ ...next, id: newTaskId(), revision: next.revision + 1 }, next)).toBe(false)
    })

    test('lets one of several concurrent changes succeed', async () => {
      const task = unbound()
      await createOrder(task)
      const next = (index: number): Task => ({ ...task, audioId: `${index}`, revision: task.revision + 1 })
      const written = await Promise.all(Array.from({ length: 20 }, (_, index) => store.replace(next(index), task)))
      expect(written.filter(Boolean)).toHaveLength(1)
    })

    test('refuses a provider task id that another task of the provider is bound to', async () => {
      const [one, two, elsewhere] = [unbound(), unbound(), unbound({ provider: 'sunoapi' })]
      for (const task of [one, two, elsewhere]) await createOrder(task, { canJoin: null, isAdmitted })
      const bound = (task: Task): Task => ({ ...task, providerTaskId: 'taken', revision: task.revision + 1 })
      expect(await store.replace(bound(one), one)).toBe(true)
      await expect(store.replace(bound(two), two)).rejects.toThrow(DuplicateBindingError)
      expect(await store.replace(bound(elsewhere), elsewhere)).toBe(true)
    })

    test('makes a task due when it is bound after it was given up, and only then', async () => {
      const task = unbound()
      await createOrder(task, { dueAtMs: 5 })
      await store.leaseDue(task.provider, 5, 100, 1)
      await store.release(task.id, 100, null)
      const givenUp = failedTask({ id: task.id, providerTaskId: null, revision: 2 })
      await store.replace(givenUp, task)
      expect(await store.leaseDue(task.provider, 1_000, 2_000, 1)).toEqual([])
      const bound = failedTask({ id: task.id, providerTaskId: 'late', revision: 3 })
      await store.replace(bound, givenUp)
      expect(await store.leaseDue(task.provider, 1_000, 2_000, 1)).toHaveLength(1)
      await store.release(task.id, 2_000, null)
      await store.replace({ ...bound, revision: 4 }, bound)
      expect(await store.leaseDue(task.provider, 9_000, 9_900, 1)).toEqual([])
    })

    test('does not change when the task is due', async () => {
      const task = unbound()
      await createOrder(task, { dueAtMs: 5 })
      await store.replace({ ...task, revision: task.revision + 1 }, task)
      expect(await store.leaseDue(task.provider, 4, 100, 10)).toEqual([])
      expect(await store.leaseDue(task.provider, 5, 100, 10)).toHaveLength(1)
    })
  })

  describe('adopt', () => {
    test('inserts a task with an unbound provider task id, and otherwise returns the bound task', async () => {
      const outside = (owner: string) => pendingTask({ id: newTaskId(), owner, providerTaskId: 'outside' })
      const [one, two] = [outside('key:one'), outside('key:two')]
      expect(await store.adopt(one, null)).toEqual(one)
      expect(await store.adopt(two, null)).toEqual(one)
      expect(await store.find([two.id])).toEqual([])
    })

    test('returns the same task to concurrent callers', async () => {
      const adopted = await Promise.all(
        Array.from({ length: 20 }, () => store.adopt(pendingTask({ id: newTaskId(), providerTaskId: 'outside' }), 1)),
      )
      expect(new Set(adopted.map((task) => task?.id)).size).toBe(1)
    })
  })

  test('the revision of a task is the stored one after every change, and unknown ids have none', async () => {
    const task = unbound()
    await store.createOrder({ task, key: null, dueAtMs: 1, canJoin: null, isAdmitted })
    const ids = [task.id, newTaskId()]
    expect([...(await store.revisions(ids))]).toEqual([[task.id, 1]])
    await store.replace({ ...task, charge: 'CHARGED', revision: 2 }, task)
    expect([...(await store.revisions(ids))]).toEqual([[task.id, 2]])
  })

  test('find and findBound return the stored tasks unchanged', async () => {
    const tasks: Task[] = [
      pendingTask({ id: newTaskId(), providerTaskId: 'one', incompleteSinceMs: 5 }),
      succeededTask({ id: newTaskId(), providerTaskId: 'two' }),
      failedTask({ id: newTaskId(), providerTaskId: 'three' }),
    ]
    for (const task of tasks) await store.adopt(task, null)
    const ids = tasks.map(({ id }) => id)
    const byId = (a: Task, b: Task) => a.id.localeCompare(b.id)
    expect((await store.find([...ids, newTaskId(), 'nonsense'])).toSorted(byId)).toEqual(tasks.toSorted(byId))
    expect(await store.find([])).toEqual([])
    const names = ['one', 'two', 'three', 'four'].map((providerTaskId) => ({
      provider: tasks[0]?.provider ?? 'kie',
      providerTaskId,
    }))
    expect((await store.findBound(names)).toSorted(byId)).toEqual(tasks.toSorted(byId))
    expect(await store.findBound(names.map((name) => ({ ...name, provider: 'sunoapi' })))).toEqual([])
    expect(await store.find(Array.from({ length: 2_000 }, newTaskId))).toEqual([])
  })

  describe('list', () => {
    const put = async (change: Partial<PendingTask>) => {
      const id = newTaskId()
      return store.adopt(pendingTask({ id, providerTaskId: id, ...change }), null)
    }
    const page = (change: Partial<TaskPage> = {}): TaskPage => ({ where: {}, limit: 100, inverted: false, ...change })
    const namesOf = (tasks: readonly Task[]) => tasks.map(({ id }) => id)

    test('pages in both directions through tasks of the same millisecond without gaps or repeats', async () => {
      for (let index = 0; index < 23; index++) await put({ createdAtMs: someTime + Math.floor(index / 10) })
      await put({ owner: 'key:other' })
      const all = await store.list('anonymous', page())
      expect(all).toHaveLength(23)
      const positions = all.map(({ createdAtMs, id }) => `${createdAtMs} ${id}`)
      expect(positions).toEqual(positions.toSorted().toReversed())

      for (const inverted of [false, true]) {
        const walked: Task[] = []
        for (;;) {
          const last = walked.at(-1)
          const beyond = last === undefined ? {} : inverted ? { before: last } : { after: last }
          const next = await store.list('anonymous', page({ ...beyond, limit: 4, inverted }))
          if (next.length === 0) break
          walked.push(...next)
        }
        expect(namesOf(walked)).toEqual(namesOf(inverted ? all.toReversed() : all))
      }
      const [first, last] = [all[3], all[9]]
      const between = await store.list('anonymous', page({ after: first, before: last }))
      expect(namesOf(between)).toEqual(namesOf(all.slice(4, 9)))
    })

    test('returns the tasks that match every filter', async () => {
      const wanted = await put({ provider: 'kie', type: 'split_stem', audioId: 'a' })
      await put({ provider: 'kie', type: 'split_stem', audioId: 'b' })
      await put({ provider: 'kie', type: 'separate_vocal', audioId: 'a' })
      await put({ provider: 'sunoapi', type: 'split_stem', audioId: 'a' })
      await store.adopt(failedTask({ id: newTaskId(), providerTaskId: 'x', type: 'split_stem', audioId: 'a' }), null)
      const where = { provider: 'kie', type: 'split_stem', audioId: 'a', status: ['PENDING', 'SUCCESS'] } as const
      expect(await store.list('anonymous', page({ where }))).toEqual([wanted])
      expect(await store.list('anonymous', page({ where: { status: [] } }))).toEqual([])
    })
  })

  describe('leaseDue and release', () => {
    const put = async (dueAtMs: number | null, change: Partial<PendingTask> = {}) => {
      const id = newTaskId()
      await store.adopt(pendingTask({ id, providerTaskId: id, provider: 'kie', ...change }), dueAtMs)
      return id
    }
    const lease = async (nowMs: number, leaseUntilMs: number, limit = 10) =>
      (await store.leaseDue('kie', nowMs, leaseUntilMs, limit)).map(({ id }) => id)

    test('lease the longest due tasks of one provider first, and none again before the lease ends', async () => {
      const late = await put(30)
      const early = await put(10)
      await put(50)
      await put(null)
      await put(10, { provider: 'sunoapi' })
      expect(await lease(40, 100, 1)).toEqual([early])
      expect(await lease(40, 100)).toEqual([late])
      expect(await lease(40, 100)).toEqual([])
      expect(await lease(40, 200, 0)).toEqual([])
      expect((await lease(100, 300)).toSorted()).toHaveLength(3)
    })

    test('lease each task to one of several concurrent callers', async () => {
      for (let index = 0; index < 20; index++) await put(index)
      const leased = await Promise.all(Array.from({ length: 10 }, (_, index) => lease(50, 100 + index, 5)))
      expect(leased.flat()).toHaveLength(20)
      expect(new Set(leased.flat()).size).toBe(20)
    })

    test('lease tasks with callbacks before tasks that have been due for longer', async () => {
      const waiting = await put(10)
      const called = await put(40)
      await store.saveCallback({ taskId: called, receivedAtMs: 1, providerTaskId: null, report })
      expect(await lease(50, 100, 1)).toEqual([called])
      await store.release(called, 100, 45)
      expect(await lease(50, 101, 1)).toEqual([called])
      expect(await lease(50, 102, 1)).toEqual([waiting])
    })

    test('lease a task in its turn again once its last callback is over a minute old', async () => {
      const waiting = await put(10)
      const called = await put(20)
      await store.saveCallback({ taskId: called, receivedAtMs: 1, providerTaskId: null, report })
      expect(await lease(50, 100, 1)).toEqual([called])
      await store.release(called, 100, 70_000)
      expect(await lease(70_000, 70_100, 1)).toEqual([waiting])
    })

    test('schedule a released task at its next time, or never', async () => {
      const id = await put(10)
      await lease(10, 100)
      await store.release(id, 100, 20)
      expect(await lease(19, 101)).toEqual([])
      expect(await lease(20, 101)).toEqual([id])
      await store.release(id, 101, null)
      expect(await lease(1_000, 2_000)).toEqual([])
    })

    test('keep a task due, and its callback, if the callback arrived during the lease', async () => {
      const id = await put(10)
      await lease(10, 100)
      await store.saveCallback({ taskId: id, receivedAtMs: someTime, providerTaskId: null, report })
      await store.release(id, 100, null)
      expect(await store.savedCallbacks(id)).toHaveLength(1)
      expect(await lease(11, 101)).toEqual([id])
    })

    test('extend a held lease, but no ended one', async () => {
      const [one, two, woken] = [await put(10), await put(10), await put(10)]
      await lease(10, 100)
      await store.saveCallback({ taskId: woken, receivedAtMs: someTime, providerTaskId: null, report })
      await store.renew([one, two, woken], 100, 200)
      expect(await lease(150, 300)).toEqual([woken])
      await store.renew([one, woken], 100, 1_000)
      await store.renew([], 100, 1_000)
      await store.release(two, 200, 160)
      expect(await lease(160, 300)).toEqual([two])
      expect((await lease(300, 400)).toSorted()).toEqual([one, two, woken].toSorted())
    })

    test('begin with a callback that makes its task due at once, unless a lease is held', async () => {
      const id = await put(null)
      const saveAt = (receivedAtMs: number) =>
        store.saveCallback(
          { taskId: id, receivedAtMs, providerTaskId: null, report },
          { leaseUntilMs: receivedAtMs + 10_000 },
        )
      expect(await saveAt(someTime)).toMatchObject({ task: { id }, isLeased: true })
      expect(await lease(someTime + 1_000, someTime + 90_000)).toEqual([])
      await store.release(id, someTime + 10_000, someTime + 60_000)
      // Within 2 s of the previous callback the task is due later.
      expect(await saveAt(someTime + 1_000)).toMatchObject({ isLeased: false })
      expect(await lease(someTime + 2_000, someTime + 20_000)).toEqual([id])
      expect(await saveAt(someTime + 5_000)).toMatchObject({ isLeased: false })
      expect(await lease(someTime + 5_000, someTime + 30_000)).toEqual([id])
      // A lease that has ended is not held.
      expect(await saveAt(someTime + 40_000)).toMatchObject({ isLeased: true })
    })

    test('end in the write that replaces the task, if it is written', async () => {
      const id = await put(10)
      const [task] = await store.find([id])
      if (task === undefined) throw new Error('The task must exist.')
      const next = { ...task, revision: task.revision + 1 }
      await lease(10, 100)
      expect(await store.replace({ ...next, revision: 9 }, task, { leaseUntilMs: 100, dueAtMs: 20 })).toBe(false)
      expect(await lease(20, 101)).toEqual([])
      expect(await store.replace(next, task, { leaseUntilMs: 100, dueAtMs: 20 })).toBe(true)
      expect(await lease(20, 101)).toEqual([id])
      await store.saveCallback({ taskId: id, receivedAtMs: someTime, providerTaskId: null, report })
      const last = { ...next, revision: next.revision + 1 }
      expect(await store.replace(last, next, { leaseUntilMs: 101, dueAtMs: null })).toBe(true)
      expect(await store.savedCallbacks(id)).toHaveLength(1)
      expect(await lease(102, 200)).toEqual([id])
      expect(
        await store.replace({ ...last, revision: last.revision + 1 }, last, { leaseUntilMs: 200, dueAtMs: null }),
      ).toBe(true)
      expect(await store.savedCallbacks(id)).toEqual([])
    })

    test('keep a task due if a second callback arrived shortly before the release', async () => {
      const id = await put(10)
      const saveAt = (receivedAtMs: number) =>
        store.saveCallback({ taskId: id, receivedAtMs, providerTaskId: null, report })
      await saveAt(someTime)
      const leaseMs = someTime + 1_000
      expect(await lease(someTime, leaseMs)).toEqual([id])
      await saveAt(someTime + 500)
      await store.release(id, leaseMs, null)
      expect(await store.savedCallbacks(id)).toHaveLength(1)
      expect(await lease(someTime + 1_999, someTime + 9_000)).toEqual([])
      expect(await lease(someTime + 2_000, someTime + 9_000)).toEqual([id])
    })

    test('do not postpone a task if the clock is set back between two callbacks', async () => {
      const id = await put(null)
      const saveAt = (receivedAtMs: number) =>
        store.saveCallback({ taskId: id, receivedAtMs, providerTaskId: null, report })
      await saveAt(someTime)
      expect(await lease(someTime, someTime + 100)).toEqual([id])
      await store.release(id, someTime + 100, null)
      const hourEarlierMs = someTime - 3_600_000
      await saveAt(hourEarlierMs)
      expect(await lease(hourEarlierMs, hourEarlierMs + 100)).toEqual([id])
      // From then on the minimum interval between two checks applies again.
      await saveAt(hourEarlierMs + 500)
      expect(await lease(hourEarlierMs + 1_999, hourEarlierMs + 5_000)).toEqual([])
      expect(await lease(hourEarlierMs + 2_000, hourEarlierMs + 5_000)).toEqual([id])
    })

    test('make exactly the leased tasks due when all leases are released', async () => {
      const [leased, renewed, released, waiting] = [await put(10), await put(11), await put(12), await put(5_000)]
      expect(await lease(12, 1_000, 1)).toEqual([leased])
      expect(await lease(12, 1_001, 1)).toEqual([renewed])
      expect(await lease(12, 1_002, 1)).toEqual([released])
      await store.renew([renewed], 1_001, 2_000)
      await store.release(released, 1_002, 4_000)
      await store.releaseAllLeases()
      expect((await lease(13, 3_000)).toSorted()).toEqual([leased, renewed].toSorted())
      // A release by the previous holder has no effect.
      await store.release(leased, 1_000, null)
      expect(await lease(4_999, 9_000)).toContain(leased)
      expect(await lease(5_000, 9_001)).toEqual([waiting])
    })

    test('ignore a release after the lease has ended', async () => {
      const id = await put(10)
      await lease(10, 100)
      expect(await lease(100, 200)).toEqual([id])
      await store.release(id, 100, null)
      expect(await lease(150, 300)).toEqual([])
      expect(await lease(200, 300)).toEqual([id])
    })
  })

  test('callbacks are kept, oldest first, until the task needs no more checks', async () => {
    const task = unbound()
    await createOrder(task)
    await store.saveCallback({ taskId: task.id, receivedAtMs: 20, providerTaskId: null, report: null })
    await store.saveCallback({ taskId: task.id, receivedAtMs: 10, providerTaskId: 'provider-task', report })
    expect(await store.savedCallbacks(task.id)).toEqual([
      { taskId: task.id, receivedAtMs: 10, providerTaskId: 'provider-task', report },
      { taskId: task.id, receivedAtMs: 20, providerTaskId: null, report: null },
    ])
    await store.leaseDue(task.provider, 0, 100, 1)
    await store.release(task.id, 100, 500)
    expect(await store.savedCallbacks(task.id)).toHaveLength(2)
    await store.leaseDue(task.provider, 500, 600, 1)
    await store.release(task.id, 600, null)
    expect(await store.savedCallbacks(task.id)).toEqual([])
  })

  test('a callback is not stored if its provider has no such task', async () => {
    const task = unbound()
    await createOrder(task)
    const save = (taskId: string, provider: ProviderName) =>
      store.saveCallback({ taskId, receivedAtMs: 1, providerTaskId: null, report }, { provider })
    expect(await save(newTaskId(), task.provider)).toBe(null)
    expect(await save(task.id, 'sunoapi')).toBe(null)
    expect(await store.savedCallbacks(task.id)).toEqual([])
    expect(await save(task.id, task.provider)).toEqual({ task, isLeased: false })
    expect(await store.savedCallbacks(task.id)).toHaveLength(1)
  })

  describe('saved callbacks', () => {
    const withId = (
      providerTaskId: string,
      outcome: ProviderReport['outcome'] = { state: 'pending' },
    ): ProviderReport => ({
      ...report,
      providerTaskId,
      outcome,
    })
    const newTask = async () => {
      const task = unbound()
      await createOrder(task, { canJoin: null })
      const saveCallback = (
        receivedAtMs: number,
        payload: ProviderReport | null,
        providerTaskId = payload?.providerTaskId ?? null,
      ) => store.saveCallback({ taskId: task.id, receivedAtMs, providerTaskId, report: payload })
      return { task, saveCallback }
    }

    test('contain equal payloads once, with the time of the first, and each makes the task due', async () => {
      const { task, saveCallback } = await newTask()
      for (const atMs of [5_000, 10_000, 15_000]) {
        await saveCallback(atMs, report)
        expect(await store.leaseDue(task.provider, atMs, atMs + 100, 1)).toHaveLength(1)
        await store.release(task.id, atMs + 100, atMs + 100_000)
      }
      await Promise.all(Array.from({ length: 10 }, () => saveCallback(16_000, null)))
      await Promise.all(Array.from({ length: 10 }, () => saveCallback(17_000, null, 'provider-task')))
      expect(await store.savedCallbacks(task.id)).toEqual([
        { taskId: task.id, receivedAtMs: 5_000, providerTaskId: 'provider-task', report },
        { taskId: task.id, receivedAtMs: 16_000, providerTaskId: null, report: null },
        { taskId: task.id, receivedAtMs: 17_000, providerTaskId: 'provider-task', report: null },
      ])
      // The clock was set back: the grace period of the payload must not become longer.
      await saveCallback(1_000, report)
      expect(await store.savedCallbacks(task.id)).toMatchObject([{ receivedAtMs: 1_000, report }, {}, {}])
    })

    test('are limited to the newest 20 of each task', async () => {
      const [one, other] = [await newTask(), await newTask()]
      await other.saveCallback(1, report)
      for (let nth = 0; nth < 25; nth += 1) await one.saveCallback(nth, withId(`task-${nth}`))
      const kept = await store.savedCallbacks(one.task.id)
      expect(kept.map(({ providerTaskId }) => providerTaskId)).toEqual(
        Array.from({ length: 20 }, (_, index) => `task-${index + 5}`),
      )
      expect(await store.savedCallbacks(other.task.id)).toHaveLength(1)
    })

    test('with stems are not displaced by others, and readable ones not by unreadable ones', async () => {
      const { task, saveCallback } = await newTask()
      await saveCallback(1, report)
      for (let nth = 0; nth < 5; nth += 1) await saveCallback(2 + nth, withId(`payload-${nth}`))
      for (let nth = 0; nth < 30; nth += 1) await saveCallback(100 + nth, null, `guess-${nth}`)
      const kept = await store.savedCallbacks(task.id)
      expect(kept).toHaveLength(20)
      expect(kept.map((each) => each.report)).toEqual([
        report,
        ...Array.from({ length: 5 }, (_, nth) => withId(`payload-${nth}`)),
        ...Array.from({ length: 14 }, () => null),
      ])
      for (let nth = 0; nth < 30; nth += 1) {
        const message = 'not "outcome":{"state":"succeeded"'
        const failed = {
          state: 'failed',
          code: 'CALLBACK_FAILED',
          providerCode: nth,
          message,
          completedAtMs: null,
        } as const
        await saveCallback(200 + nth, withId('provider-task', failed))
      }
      const outcomes = (await store.savedCallbacks(task.id)).map((each) => each.report?.outcome.state)
      expect(outcomes).toEqual(['succeeded', ...Array.from({ length: 19 }, () => 'failed')])
    })
  })

  test('a secret is created once', async () => {
    let made = 0
    const make = () => `secret-${++made}`
    const secrets = await Promise.all(Array.from({ length: 10 }, () => store.secret('callbacks', make)))
    expect(new Set(secrets).size).toBe(1)
    expect(await store.secret('sandbox', make)).not.toBe(secrets[0])
  })

  test('facts of a file are only added, and those of another address replace them', async () => {
    const task = succeededTask()
    await store.adopt(task, null)
    const file = { taskId: task.id, stem: 'vocal', url: 'https://files.example/1.mp3' }
    const none = { sizeBytes: null, format: null, durationSeconds: null }
    expect(await store.stemFiles([file])).toEqual([])
    await store.learnStemFile({ ...file, ...none, format: 'mp3' })
    await store.learnStemFile({ ...file, sizeBytes: 5_000_000_000, format: 'wav', durationSeconds: 1.5 })
    const known = { ...file, sizeBytes: 5_000_000_000, format: 'mp3', durationSeconds: 1.5 }
    const moved = { ...file, url: 'https://files.example/2.mp3' }
    expect(await store.stemFiles([moved, file, { ...file, stem: 'drums' }])).toEqual([known])
    await store.learnStemFile({ ...moved, ...none, sizeBytes: 7 })
    expect(await store.stemFiles([file, moved])).toEqual([{ ...moved, ...none, sizeBytes: 7 }])
  })

  test('checkWritable succeeds', async () => {
    await expect(store.checkWritable()).resolves.toBeUndefined()
  })

  describe('what is stored of an owner', () => {
    test('is counted, also without tasks', async () => {
      const nothing = { tasks: 0, pending: 0, maybe: 0, hasOther: false }
      expect(await store.countOwned('key:web')).toEqual(nothing)
      await store.operator.recordUse([{ owner: 'key:web', credential: null, lastUsedAtMs: 1 }])
      expect(await store.countOwned('key:web')).toEqual({ ...nothing, hasOther: true })
      await store.adopt(pendingTask({ owner: 'key:app' }), null)
      await store.adopt(succeededTask({ owner: 'key:app' }), null)
      await store.adopt(failedTask({ owner: 'key:app', charge: 'MAYBE' }), null)
      expect(await store.countOwned('key:app')).toEqual({ tasks: 3, pending: 1, maybe: 1, hasOther: false })
    })

    test('is kept, and counted by the reason, when old tasks are looked for', async () => {
      await store.adopt(pendingTask(), null)
      await store.adopt(failedTask({ charge: 'MAYBE' }), null)
      await store.adopt(failedTask({ charge: 'NONE' }), null)
      const beforeMs = Date.UTC(2100, 0, 1)
      const { tasks, kept } = await store.findExpired({ after: '', beforeMs, limit: 10 })
      expect(tasks).toHaveLength(1)
      expect(kept).toEqual({ pending: 1, maybe: 1, undelivered: 0 })
    })
  })
})

describe('an SQLite file', () => {
  test('keeps everything when it is opened again, and is migrated once', async () => {
    const path = await newPath()
    const first = await openSqliteStore(path)
    const task = unbound()
    await first.createOrder({ task, key: keyOf('key'), dueAtMs: 5, canJoin: anything, isAdmitted })
    const secret = await first.secret('callbacks', () => 'made-first')
    await first.close()

    const second = await open(path)
    expect(await second.find([task.id])).toEqual([task])
    expect(await second.secret('callbacks', () => 'made-second')).toBe(secret)
    expect(
      await second.createOrder({ task: unbound(), key: keyOf('key'), dueAtMs: 5, canJoin: null, isAdmitted }),
    ).toEqual({
      kind: 'joined',
      task,
    })
  })

  test('is readable by its owner only', async () => {
    const path = await newPath()
    await open(path)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(`${path}-wal`)).mode & 0o777).toBe(0o600)
  })

  test('is synced to disk with every commit, also when it is opened again', async () => {
    const path = await newPath()
    for (let opened = 0; opened < 2; opened++) {
      const db = new Kysely<object>({ dialect: createSqliteDialect(openSqliteFile(path)) })
      const valueOf = async (pragma: string) => (await sql.raw<object>(`PRAGMA ${pragma}`).execute(db)).rows[0]
      expect(await valueOf('journal_mode')).toEqual({ journal_mode: 'wal' })
      expect(await valueOf('synchronous')).toEqual({ synchronous: 2 })
      expect(await valueOf('foreign_keys')).toEqual({ foreign_keys: 1 })
      await db.destroy()
    }
  })

  test('can be created by several processes at the same time', async () => {
    const path = await newPath()
    const opened = await Promise.all(Array.from({ length: 4 }, () => open(path)))
    const secrets = await Promise.all(opened.map((store, index) => store.secret('callbacks', () => `secret-${index}`)))
    expect(new Set(secrets).size).toBe(1)
  })

  test('gives two gateways one task for one order, and leases each due task to one of them', async () => {
    const path = await newPath()
    const both = [await open(path), await open(path)]
    const placed = await Promise.all(
      both.flatMap((store) =>
        Array.from({ length: 20 }, () =>
          store.createOrder({ task: unbound(), key: keyOf('key'), dueAtMs: 5, canJoin: anything, isAdmitted }),
        ),
      ),
    )
    expect(placed.filter((each) => each.kind === 'new')).toHaveLength(1)
    const leased = await Promise.all(both.map((store, index) => store.leaseDue('kie', 5, 100 + index, 10)))
    expect(leased.flat()).toHaveLength(1)
  })

  test('that stays locked is unavailable after 3 s and does not block the event loop', async () => {
    const path = await newPath()
    const store = await open(path)
    const task = unbound()
    await store.createOrder({ task, key: null, dueAtMs: 5, canJoin: null, isAdmitted })
    const other = new DatabaseSync(path)
    onTestFinished(() => other.close())
    other.exec('BEGIN EXCLUSIVE')

    let slowestMs = 0
    let isOver = false
    const ticking = (async () => {
      while (!isOver) {
        const startedAt = performance.now()
        await sleep(10)
        slowestMs = Math.max(slowestMs, performance.now() - startedAt)
      }
    })()
    const startedAt = performance.now()
    const writes = [
      store.createOrder({ task: unbound(), key: null, dueAtMs: 5, canJoin: null, isAdmitted }),
      store.replace({ ...task, revision: task.revision + 1 }, task),
      store.saveCallback({ taskId: task.id, receivedAtMs: 1, providerTaskId: null, report }),
      store.confirmKey(task, 'key'),
      store.renew([task.id], 5, 6),
      store.leaseDue('kie', 5, 100, 1),
      store.release(task.id, 5, null),
      store.secret('another', () => 'secret'),
    ]
    const results = await Promise.allSettled(writes)
    const tookMs = performance.now() - startedAt
    isOver = true
    await ticking
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: expect.any(StoreUnavailableError) })
    }
    expect(tookMs).toBeGreaterThan(2_900)
    expect(tookMs).toBeLessThan(6_000)
    expect(slowestMs).toBeLessThan(1_000)

    // Reads work during the lock, and writes work again after it.
    expect(await store.find([task.id])).toEqual([task])
    setTimeout(() => other.exec('ROLLBACK'), 300)
    await store.saveCallback({ taskId: task.id, receivedAtMs: 1, providerTaskId: null, report })
    expect(await store.savedCallbacks(task.id)).toHaveLength(1)
  })

  test('is opened after the lock of another process ends', async () => {
    const path = await newPath()
    await (await openSqliteStore(path)).close()
    const other = new DatabaseSync(path)
    onTestFinished(() => other.close())
    other.exec('BEGIN EXCLUSIVE')
    setTimeout(() => other.exec('ROLLBACK'), 300)
    const store = await open(path)
    expect(await store.secret('callbacks', () => 'secret')).toBe('secret')
  })

  test('that is not a database is reported as such', async () => {
    const path = join(await newFolder(), 'stemgate.db')
    await writeFile(path, 'This text file is not a database, but it is as long as one. '.repeat(100))
    await expect(openSqliteStore(path)).rejects.toThrow(/not a database/)
  })

  test('that cannot be written is reported as such', async () => {
    await expect(openSqliteStore(await newFolder())).rejects.toThrow(/EISDIR/)
    await expect(openSqliteStore('/dev/null/stemgate.db')).rejects.toThrow(/ENOTDIR|EEXIST/)
  })

  test('from a newer version is refused', async () => {
    const path = await newPath()
    await (await openSqliteStore(path)).close()
    const database = new DatabaseSync(path)
    database.exec("insert into kysely_migration (name, timestamp) values ('9999-later', '2030-01-01')")
    database.close()
    await expect(openSqliteStore(path)).rejects.toThrow(
      /written by a newer version of Stemgate\..*migrations \(9999-later\)/,
    )
  })
})

test('a stored callback without originId is read with originId null', () => {
  const stored = JSON.stringify(report).replace(',"originId":"origin-1"', '')
  expect(parseStoredReport(stored)).toMatchObject({ outcome: { stems: [{ label: 'Crowd', originId: null }] } })
})

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}
