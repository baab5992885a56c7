import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseSync } from '@photostructure/sqlite'
import { Kysely, sql } from 'kysely'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { DuplicateBindingError, StoreUnavailableError } from '../../src/separation/errors.ts'
import type { ProviderReport } from '../../src/separation/advance/report.ts'
import { newTaskId } from '../../src/separation/task-id.ts'
import type { PendingTask, Task } from '../../src/separation/task.ts'
import { createSqliteDialect } from '../../src/stores/sqlite-dialect.ts'
import { openPostgresStore } from '../../src/stores/postgres-store.ts'
import { openSqliteStore } from '../../src/stores/sqlite-store.ts'
import { parseStoredReport } from '../../src/stores/stored-task.ts'
import { findPostgres, newPostgresDatabase } from '../support/services.ts'
import { failedTask, pendingTask, succeededTask } from '../support/tasks.ts'
import type { IdempotencyKey, TaskPage, Store } from '../../src/separation/store.ts'

const postgres = await findPostgres()
const silentLog = { debug() {}, info() {}, warn() {}, error() {} }
const someTime = 1_700_000_000_000

/** A path in a folder of its own, which ends with the test. */
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
const isAdmitted = async () => true

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
  ['a file of SQLite', async () => openSqliteStore(await newPath())],
  ['SQLite in memory', () => openSqliteStore(':memory:')],
  ...(postgres === null
    ? []
    : [['PostgreSQL', async () => openPostgresStore(await newPostgresDatabase(), silentLog)] as const]),
]

describe.each(stores)('%s', (_name, openNew) => {
  let store: Store
  beforeEach(async () => {
    const opened = await openNew()
    store = opened
    return () => opened.close()
  })

  const createOrder = (task: Task, more: Partial<Parameters<Store['createOrder']>[0]> = {}) =>
    store.createOrder({ task, key: null, dueAtMs: someTime, canJoin: anything, isAdmitted, ...more })

  describe('place', () => {
    test('inserts the first order for a track, and the second one joins it', async () => {
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
    ])('keeps orders apart by their %s', async (_what, change) => {
      await createOrder(unbound({ type: 'separate_vocal' }))
      expect(await createOrder(unbound({ type: 'separate_vocal', ...change }))).toMatchObject({ kind: 'new' })
    })

    test('joins the newest order that may be joined, never one that was refused or adopted', async () => {
      const oldest = unbound({ createdAtMs: someTime })
      const middle = unbound({ createdAtMs: someTime + 1 })
      const newest = unbound({ createdAtMs: someTime + 2, charge: 'NONE' })
      for (const task of [oldest, middle, newest]) await createOrder(task, { canJoin: null, isAdmitted })
      await store.adopt(pendingTask({ id: newTaskId(), providerTaskId: 'outside', musicTaskId: null }), null)
      const asked: string[] = []
      const canJoin = (earlier: Task) => asked.push(earlier.id) > 0 && earlier.id === oldest.id
      expect(await createOrder(unbound(), { canJoin })).toEqual({ kind: 'joined', task: oldest })
      expect(asked).toEqual([middle.id, oldest.id])
      expect(await createOrder(unbound(), { canJoin: () => false })).toMatchObject({ kind: 'new' })
    })

    test('leads a key to its task, and to a conflict with another input', async () => {
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

    test('leads several keys to one task, until its order is refused: then only those that were handed out', async () => {
      const task = unbound()
      for (const key of ['a', 'b', 'c']) await createOrder(task, { key: keyOf(key) })
      await store.confirmKey(task, 'b')
      await store.confirmKey({ ...task, owner: 'key:other' }, 'c')
      const [another, elsewhere] = [unbound(), unbound({ audioId: 'elsewhere' })]
      const placeAnew = (each: Task, key: string) => createOrder(each, { key: keyOf(key), canJoin: null })
      expect(await placeAnew(another, 'a')).toEqual({ kind: 'joined', task })

      const refused = failedTask({ id: task.id, charge: 'NONE', revision: task.revision + 1 })
      await store.replace(refused, task)
      expect(await placeAnew(another, 'b')).toEqual({ kind: 'joined', task: refused })
      expect(await placeAnew(another, 'a')).toEqual({ kind: 'new', task: another })
      expect(await placeAnew(unbound(), 'a')).toEqual({ kind: 'joined', task: another })
      expect(await createOrder(elsewhere, { key: keyOf('c', 'another input') })).toEqual({
        kind: 'new',
        task: elsewhere,
      })
      // Who comes late with a task that the key has led to before changes nothing.
      await store.confirmKey(task, 'c')
      await store.replace(failedTask({ id: elsewhere.id, charge: 'NONE', revision: elsewhere.revision + 1 }), elsewhere)
      expect(await placeAnew(unbound({ audioId: 'third' }), 'c')).toMatchObject({ kind: 'new' })
    })

    test('is new to its caller however often it is written down', async () => {
      const task = unbound()
      for (const key of [null, keyOf('key')]) {
        const order = unbound({ audioId: `${key?.key}` })
        expect(await createOrder(order, { key })).toEqual({ kind: 'new', task: order })
        expect(await createOrder(order, { key })).toEqual({ kind: 'new', task: order })
        expect(await createOrder(task, { key: keyOf('another') })).toMatchObject({ kind: 'new' })
      }
      // Also if another one was placed for the track meanwhile.
      await createOrder(unbound({ createdAtMs: task.createdAtMs + 1 }), { canJoin: null })
      expect(await createOrder(task)).toEqual({ kind: 'new', task })
    })

    test.each(["'; drop table tasks; --", '🥁'.repeat(100), ' '])('takes the key %j', async (key) => {
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

    test('takes no text that the file would cut off', async () => {
      await expect(createOrder(unbound(), { key: keyOf('a\u0000b') })).rejects.toThrow(/NUL|0x00/)
      expect(await createOrder(unbound(), { key: keyOf('a') })).toMatchObject({ kind: 'new' })
    })

    test('gives many at once one task', async () => {
      const byKey = Array.from({ length: 50 }, () => createOrder(unbound(), { key: keyOf('key') }))
      const byTrack = Array.from({ length: 50 }, () => createOrder(unbound()))
      const placed = await Promise.all([...byKey, ...byTrack])
      expect(placed.filter(({ kind }) => kind === 'new')).toHaveLength(1)
      expect(new Set(placed.map((each) => (each.kind === 'not-admitted' ? null : each.task.id))).size).toBe(1)
    })

    test('leaves nothing behind if it fails', async () => {
      const task = unbound()
      await createOrder(task)
      await expect(createOrder(task, { key: keyOf('key'), canJoin: null, isAdmitted })).rejects.toThrow(/UNIQUE/i)
      expect(await createOrder(unbound(), { key: keyOf('key'), canJoin: null, isAdmitted })).toMatchObject({
        kind: 'new',
      })
    })
  })

  describe('replace', () => {
    test('writes the next revision, whole, and no other', async () => {
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

    test('lets one of many through', async () => {
      const task = unbound()
      await createOrder(task)
      const next = (index: number): Task => ({ ...task, audioId: `${index}`, revision: task.revision + 1 })
      const written = await Promise.all(Array.from({ length: 20 }, (_, index) => store.replace(next(index), task)))
      expect(written.filter(Boolean)).toHaveLength(1)
    })

    test("binds no task to an id that another of the provider's bears", async () => {
      const [one, two, elsewhere] = [unbound(), unbound(), unbound({ provider: 'sunoapi' })]
      for (const task of [one, two, elsewhere]) await createOrder(task, { canJoin: null, isAdmitted })
      const bound = (task: Task): Task => ({ ...task, providerTaskId: 'taken', revision: task.revision + 1 })
      expect(await store.replace(bound(one), one)).toBe(true)
      await expect(store.replace(bound(two), two)).rejects.toThrow(DuplicateBindingError)
      expect(await store.replace(bound(elsewhere), elsewhere)).toBe(true)
    })

    test('makes a task due that is bound after it was given up, and leaves it alone afterwards', async () => {
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
    test('inserts a task whose id nobody bears, and otherwise returns the bearer', async () => {
      const outside = (owner: string) => pendingTask({ id: newTaskId(), owner, providerTaskId: 'outside' })
      const [one, two] = [outside('key:one'), outside('key:two')]
      expect(await store.adopt(one, null)).toEqual(one)
      expect(await store.adopt(two, null)).toEqual(one)
      expect(await store.find([two.id])).toEqual([])
    })

    test('gives many at once the same task', async () => {
      const adopted = await Promise.all(
        Array.from({ length: 20 }, () => store.adopt(pendingTask({ id: newTaskId(), providerTaskId: 'outside' }), 1)),
      )
      expect(new Set(adopted.map(({ id }) => id)).size).toBe(1)
    })
  })

  test('find and findBound return what there is, each task as it was written', async () => {
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

    test('pages both ways through tasks of the same millisecond without losing or repeating one', async () => {
      for (let index = 0; index < 23; index++) await put({ createdAtMs: someTime + Math.floor(index / 10) })
      await put({ owner: 'key:other' })
      const all = await store.list('anonymous', page())
      expect(all).toHaveLength(23)
      const places = all.map(({ createdAtMs, id }) => `${createdAtMs} ${id}`)
      expect(places).toEqual(places.toSorted().toReversed())

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

    test('shows what fits everything that is asked for', async () => {
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

  describe('claimDue and release', () => {
    const put = async (dueAtMs: number | null, change: Partial<PendingTask> = {}) => {
      const id = newTaskId()
      await store.adopt(pendingTask({ id, providerTaskId: id, provider: 'kie', ...change }), dueAtMs)
      return id
    }
    const claim = async (nowMs: number, leaseUntilMs: number, limit = 10) =>
      (await store.leaseDue('kie', nowMs, leaseUntilMs, limit)).map(({ id }) => id)

    test('gives the longest due first, of this provider alone, and never again before the lease ends', async () => {
      const late = await put(30)
      const early = await put(10)
      await put(50)
      await put(null)
      await put(10, { provider: 'sunoapi' })
      expect(await claim(40, 100, 1)).toEqual([early])
      expect(await claim(40, 100)).toEqual([late])
      expect(await claim(40, 100)).toEqual([])
      expect(await claim(40, 200, 0)).toEqual([])
      expect((await claim(100, 300)).toSorted()).toHaveLength(3)
    })

    test('gives one task to one of many who claim at once', async () => {
      for (let index = 0; index < 20; index++) await put(index)
      const claimed = await Promise.all(Array.from({ length: 10 }, (_, index) => claim(50, 100 + index, 5)))
      expect(claimed.flat()).toHaveLength(20)
      expect(new Set(claimed.flat()).size).toBe(20)
    })

    test('gives tasks with callbacks before those that have been due for longer', async () => {
      const waiting = await put(10)
      const called = await put(40)
      await store.saveCallback({ taskId: called, receivedAtMs: 1, providerTaskId: null, report })
      expect(await claim(50, 100, 1)).toEqual([called])
      await store.release(called, 100, 45)
      expect(await claim(50, 101, 1)).toEqual([called])
      expect(await claim(50, 102, 1)).toEqual([waiting])
    })

    test('takes a task up at its next time, or never', async () => {
      const id = await put(10)
      await claim(10, 100)
      await store.release(id, 100, 20)
      expect(await claim(19, 101)).toEqual([])
      expect(await claim(20, 101)).toEqual([id])
      await store.release(id, 101, null)
      expect(await claim(1_000, 2_000)).toEqual([])
    })

    test('leaves a task due that a callback woke meanwhile, with its note', async () => {
      const id = await put(10)
      await claim(10, 100)
      await store.saveCallback({ taskId: id, receivedAtMs: someTime, providerTaskId: null, report })
      await store.release(id, 100, null)
      expect(await store.savedCallbacks(id)).toHaveLength(1)
      expect(await claim(11, 101)).toEqual([id])
    })

    test('makes a claim last longer, but no claim that has ended', async () => {
      const [one, two, woken] = [await put(10), await put(10), await put(10)]
      await claim(10, 100)
      await store.saveCallback({ taskId: woken, receivedAtMs: someTime, providerTaskId: null, report })
      await store.renew([one, two, woken], 100, 200)
      expect(await claim(150, 300)).toEqual([woken])
      await store.renew([one, woken], 100, 1_000)
      await store.renew([], 100, 1_000)
      await store.release(two, 200, 160)
      expect(await claim(160, 300)).toEqual([two])
      expect((await claim(300, 400)).toSorted()).toEqual([one, two, woken].toSorted())
    })

    test('leaves a task due that a second callback woke, however soon the lease ends', async () => {
      const id = await put(10)
      const noteAt = (receivedAtMs: number) =>
        store.saveCallback({ taskId: id, receivedAtMs, providerTaskId: null, report })
      await noteAt(someTime)
      const leaseMs = someTime + 1_000
      expect(await claim(someTime, leaseMs)).toEqual([id])
      await noteAt(someTime + 500)
      await store.release(id, leaseMs, null)
      expect(await store.savedCallbacks(id)).toHaveLength(1)
      expect(await claim(someTime + 1_999, someTime + 9_000)).toEqual([])
      expect(await claim(someTime + 2_000, someTime + 9_000)).toEqual([id])
    })

    test('is postponed by no clock that is set back between two callbacks', async () => {
      const id = await put(null)
      const noteAt = (receivedAtMs: number) =>
        store.saveCallback({ taskId: id, receivedAtMs, providerTaskId: null, report })
      await noteAt(someTime)
      expect(await claim(someTime, someTime + 100)).toEqual([id])
      await store.release(id, someTime + 100, null)
      const hourEarlierMs = someTime - 3_600_000
      await noteAt(hourEarlierMs)
      expect(await claim(hourEarlierMs, hourEarlierMs + 100)).toEqual([id])
      // From there on the pause between two questions holds as ever.
      await noteAt(hourEarlierMs + 500)
      expect(await claim(hourEarlierMs + 1_999, hourEarlierMs + 5_000)).toEqual([])
      expect(await claim(hourEarlierMs + 2_000, hourEarlierMs + 5_000)).toEqual([id])
    })

    test('makes claimed tasks due at once when every lease is freed, and no others', async () => {
      const [claimed, renewed, released, waiting] = [await put(10), await put(11), await put(12), await put(5_000)]
      expect(await claim(12, 1_000, 1)).toEqual([claimed])
      expect(await claim(12, 1_001, 1)).toEqual([renewed])
      expect(await claim(12, 1_002, 1)).toEqual([released])
      await store.renew([renewed], 1_001, 2_000)
      await store.release(released, 1_002, 4_000)
      await store.releaseAllLeases()
      expect((await claim(13, 3_000)).toSorted()).toEqual([claimed, renewed].toSorted())
      // The freed claim's holder, if it lives after all, changes nothing.
      await store.release(claimed, 1_000, null)
      expect(await claim(4_999, 9_000)).toContain(claimed)
      expect(await claim(5_000, 9_001)).toEqual([waiting])
    })

    test('lets a claim whose lease has ended release nothing', async () => {
      const id = await put(10)
      await claim(10, 100)
      expect(await claim(100, 200)).toEqual([id])
      await store.release(id, 100, null)
      expect(await claim(150, 300)).toEqual([])
      expect(await claim(200, 300)).toEqual([id])
    })
  })

  test('notes are kept as they came, oldest first, until the task needs no more asking', async () => {
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

  describe('notes', () => {
    const withId = (
      providerTaskId: string,
      outcome: ProviderReport['outcome'] = { state: 'pending' },
    ): ProviderReport => ({
      ...report,
      providerTaskId,
      outcome,
    })
    const noteOf = async () => {
      const task = unbound()
      await createOrder(task, { canJoin: null })
      const saveCallback = (
        receivedAtMs: number,
        words: ProviderReport | null,
        providerTaskId = words?.providerTaskId ?? null,
      ) => store.saveCallback({ taskId: task.id, receivedAtMs, providerTaskId, report: words })
      return { task, saveCallback }
    }

    test('hold equal payloads once, with the time of the first, and each makes the task due', async () => {
      const { task, saveCallback } = await noteOf()
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
      // A clock that was set back: the grace of a payload ends no later for it.
      await saveCallback(1_000, report)
      expect(await store.savedCallbacks(task.id)).toMatchObject([{ receivedAtMs: 1_000, report }, {}, {}])
    })

    test('are the newest twenty of a task, and none of another task', async () => {
      const [one, other] = [await noteOf(), await noteOf()]
      await other.saveCallback(1, report)
      for (let nth = 0; nth < 25; nth += 1) await one.saveCallback(nth, withId(`task-${nth}`))
      const kept = await store.savedCallbacks(one.task.id)
      expect(kept.map(({ providerTaskId }) => providerTaskId)).toEqual(
        Array.from({ length: 20 }, (_, index) => `task-${index + 5}`),
      )
      expect(await store.savedCallbacks(other.task.id)).toHaveLength(1)
    })

    test('that bring stems are displaced by none that do not, and words by none without words', async () => {
      const { task, saveCallback } = await noteOf()
      await saveCallback(1, report)
      for (let nth = 0; nth < 5; nth += 1) await saveCallback(2 + nth, withId(`words-${nth}`))
      for (let nth = 0; nth < 30; nth += 1) await saveCallback(100 + nth, null, `guess-${nth}`)
      const kept = await store.savedCallbacks(task.id)
      expect(kept).toHaveLength(20)
      expect(kept.map((each) => each.report)).toEqual([
        report,
        ...Array.from({ length: 5 }, (_, nth) => withId(`words-${nth}`)),
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

  test('a secret is made once', async () => {
    let made = 0
    const make = () => `secret-${++made}`
    const secrets = await Promise.all(Array.from({ length: 10 }, () => store.secret('callbacks', make)))
    expect(new Set(secrets).size).toBe(1)
    expect(await store.secret('sandbox', make)).not.toBe(secrets[0])
  })

  test('it answers', async () => {
    await expect(store.checkWritable()).resolves.toBeUndefined()
  })
})

describe('a file', () => {
  test('keeps everything when it is opened again, and its tables are made once', async () => {
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

  test('is nobody else’s to read', async () => {
    const path = await newPath()
    await open(path)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(`${path}-wal`)).mode & 0o777).toBe(0o600)
  })

  test('reaches the disk with every commit, also when it is opened again', async () => {
    const path = await newPath()
    for (let opened = 0; opened < 2; opened++) {
      const db = new Kysely<object>({ dialect: createSqliteDialect(path) })
      const valueOf = async (pragma: string) => (await sql.raw<object>(`PRAGMA ${pragma}`).execute(db)).rows[0]
      expect(await valueOf('journal_mode')).toEqual({ journal_mode: 'wal' })
      expect(await valueOf('synchronous')).toEqual({ synchronous: 2 })
      expect(await valueOf('foreign_keys')).toEqual({ foreign_keys: 1 })
      await db.destroy()
    }
  })

  test('may be opened by several at once, new as it is', async () => {
    const path = await newPath()
    const opened = await Promise.all(Array.from({ length: 4 }, () => open(path)))
    const secrets = await Promise.all(opened.map((store, index) => store.secret('callbacks', () => `secret-${index}`)))
    expect(new Set(secrets).size).toBe(1)
  })

  test('gives two gateways one task for one order, and one of them each due task', async () => {
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
    const claimed = await Promise.all(both.map((store, index) => store.leaseDue('kie', 5, 100 + index, 10)))
    expect(claimed.flat()).toHaveLength(1)
  })

  test('that stays locked is unavailable after some seconds in which nothing else stands still', async () => {
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
    expect(slowestMs).toBeLessThan(300)

    // Reading goes on meanwhile, and so does everything once the lock is gone.
    expect(await store.find([task.id])).toEqual([task])
    setTimeout(() => other.exec('ROLLBACK'), 300)
    await store.saveCallback({ taskId: task.id, receivedAtMs: 1, providerTaskId: null, report })
    expect(await store.savedCallbacks(task.id)).toHaveLength(1)
  })

  test('waits for its lock to be opened', async () => {
    const path = await newPath()
    await (await openSqliteStore(path)).close()
    const other = new DatabaseSync(path)
    onTestFinished(() => other.close())
    other.exec('BEGIN EXCLUSIVE')
    setTimeout(() => other.exec('ROLLBACK'), 300)
    const store = await open(path)
    expect(await store.secret('callbacks', () => 'secret')).toBe('secret')
  })

  test('that is no database is said to be none', async () => {
    const path = join(await newFolder(), 'stemgate.db')
    await writeFile(path, 'This is no database, only a text that somebody has put here. '.repeat(100))
    await expect(openSqliteStore(path)).rejects.toThrow(/not a database/)
  })

  test('that cannot be written is said to be so', async () => {
    await expect(openSqliteStore(await newFolder())).rejects.toThrow(/EISDIR/)
    await expect(openSqliteStore('/dev/null/stemgate.db')).rejects.toThrow(/ENOTDIR|EEXIST/)
  })

  test('that a later version has written is left alone', async () => {
    const path = await newPath()
    await (await openSqliteStore(path)).close()
    const database = new DatabaseSync(path)
    database.exec("insert into kysely_migration (name, timestamp) values ('9999-later', '2030-01-01')")
    database.close()
    await expect(openSqliteStore(path)).rejects.toThrow(
      /written by a later version of Stemgate: it has the changes 9999-later,/,
    )
  })
})

test('a callback that was stored before its stems had an originId is read as having none', () => {
  const saveCallback = JSON.stringify(report).replace(',"originId":"origin-1"', '')
  expect(parseStoredReport(saveCallback)).toMatchObject({ outcome: { stems: [{ label: 'Crowd', originId: null }] } })
})

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}
