import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createInProcessChanges } from '../../src/coordination/in-process-changes.ts'
import { StoreUnavailableError } from '../../src/separation/errors.ts'
import { createChangePoll } from '../../src/separation/read/change-poll.ts'
import { createHeldPositions, longestWriteMs } from '../../src/separation/read/held-positions.ts'
import { createReadTask } from '../../src/separation/read/read-task.ts'
import { isSelected, mayHaveBeenSelected } from '../../src/separation/read/task-selection.ts'
import { createOwnerWatches } from '../../src/separation/read/watch-owner.ts'
import type { Store } from '../../src/separation/store/store.ts'
import type { TaskFilter } from '../../src/separation/store/task-reader.ts'
import { openSqliteStore } from '../../src/stores/sqlite/sqlite-store.ts'
import { failedTask, pendingTask, succeededTask } from '../support/tasks.ts'

const owner = 'anonymous'
const log = { debug() {}, info() {}, warn() {}, error() {} }

/** A database that cannot tell whether other gateways have committed. */
const withOtherGateways = (store: Store): Store => ({ ...store, foreignCommits: async () => null })

/** A watch of the owner on a store in memory, from which each hint may be lost. */
async function startWatch(wrap: (store: Store) => Store = (store) => store) {
  const store = await openSqliteStore(':memory:')
  onTestFinished(() => store.close())
  const reader = wrap(store)
  const changes = createInProcessChanges()
  const common = { reader, changes, random: () => 0.5, log }
  const poll = createChangePoll(common)
  const watches = createOwnerWatches({ ...common, readTask: createReadTask(reader), poll })
  const shown: string[] = []
  const watch = watches.watch(owner, {
    async onTasks(tasks) {
      for (const { id, revision } of tasks) shown.push(`${id} ${revision}`)
    },
  })
  onTestFinished(() => watch.stop())
  await watch.inTurn(async () => {})
  return { store, changes, watches, watch, shown }
}

describe('a watch of an owner', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  test('shows a change without a hint within a second, once', async () => {
    const { store, shown } = await startWatch(withOtherGateways)
    const task = pendingTask()
    await store.adopt(task, null)
    await vi.advanceTimersByTimeAsync(1_000)
    await vi.waitFor(() => expect(shown).toEqual([`${task.id} 1`]))
    await store.replace({ ...task, revision: 2 }, task)
    await vi.advanceTimersByTimeAsync(1_000)
    await vi.waitFor(() => expect(shown).toEqual([`${task.id} 1`, `${task.id} 2`]))
    await vi.advanceTimersByTimeAsync(300_000)
    expect(shown).toHaveLength(2)
  })

  test('shows all changes after a hint that names no task, however many they are', async () => {
    const { store, changes, shown } = await startWatch()
    const tasks = Array.from({ length: 1_200 }, () => pendingTask())
    await Promise.all(tasks.map((task) => store.adopt(task, null)))
    changes.notifyAll()
    const expected = tasks.map(({ id }) => `${id} 1`)
    await vi.waitFor(() => expect(shown.toSorted()).toEqual(expected.toSorted()))
  })

  test('shows an order without a hint although another task was deleted at the same time', async () => {
    const { store, shown } = await startWatch(withOtherGateways)
    const [one, other] = [failedTask(), pendingTask()]
    await store.adopt(one, null)
    await vi.advanceTimersByTimeAsync(1_000)
    await vi.waitFor(() => expect(shown).toEqual([`${one.id} 1`]))
    const deleted = await store.deleteTasks(await store.deletableOf(owner, { after: null, limit: 10 }))
    expect(deleted).toEqual([one.id])
    await store.adopt(other, null)
    await vi.advanceTimersByTimeAsync(1_000)
    await vi.waitFor(() => expect(shown).toEqual([`${one.id} 1`, `${other.id} 1`]))
  })

  test('shows a change without a hint although another task has changed between two pages of the last read', async () => {
    const tasks = Array.from({ length: 600 }, () => pendingTask())
    const [first = pendingTask(), second = pendingTask()] = tasks
    let hasChanged = false
    const { store, changes, shown } = await startWatch((whole) => ({
      ...withOtherGateways(whole),
      async changes(of, page) {
        const found = await whole.changes(of, page)
        if (found.length === page.limit && !hasChanged) {
          hasChanged = true
          await whole.replace({ ...first, revision: 2 }, first)
        }
        return found
      },
    }))
    for (const task of tasks) await store.adopt(task, null)
    changes.notifyAll()
    await vi.waitFor(() => expect(shown).toContain(`${first.id} 2`))
    await store.replace({ ...second, revision: 2 }, second)
    await vi.advanceTimersByTimeAsync(1_000)
    await vi.waitFor(() => expect(shown).toContain(`${second.id} 2`))
  })

  test('runs work in turn at once, at whatever moment it comes', async () => {
    const { watch } = await startWatch()
    for (let turns = 0; turns < 10; turns++) {
      const first = watch.inTurn(async () => {})
      await first
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      let hasRun = false
      void watch.inTurn(async () => void (hasRun = true))
      await vi.waitFor(() => expect({ turns, hasRun }).toEqual({ turns, hasRun: true }))
    }
  })

  test('misses none of thousands of hints that come at once', async () => {
    const { store, changes, shown } = await startWatch()
    const tasks = Array.from({ length: 2_000 }, () => pendingTask())
    await Promise.all(tasks.map((task) => store.adopt(task, null)))
    for (const { id } of tasks) changes.publish(id, owner)
    await vi.waitFor(() => expect(new Set(shown).size).toBe(2_000))
    expect(shown).toHaveLength(2_000)
  })

  test('makes up for an outage of the store one second later', async () => {
    let isDown = false
    const { store, changes, shown } = await startWatch((whole) => ({
      ...whole,
      async find(ids) {
        if (isDown) throw new StoreUnavailableError('It is down.')
        return whole.find(ids)
      },
    }))
    const task = pendingTask()
    await store.adopt(task, null)
    isDown = true
    changes.publish(task.id, owner)
    await vi.advanceTimersByTimeAsync(999)
    expect(shown).toEqual([])
    isDown = false
    await vi.advanceTimersByTimeAsync(1_000)
    await vi.waitFor(() => expect(shown).toEqual([`${task.id} 1`]))
  })

  test('is over when the last watcher has left, and listens no more', async () => {
    const { changes, watches, watch } = await startWatch()
    const other = watches.watch(owner, { onTasks: async () => {} })
    watch.stop()
    watch.stop()
    expect([watches.size(), changes.size()]).toEqual([1, 1])
    other.stop()
    expect([watches.size(), changes.size()]).toEqual([0, 0])
  })
})

test('a read of changes begins where the last one but a minute ended, whatever the positions are', () => {
  const held = createHeldPositions(1_000_000, 0)
  expect(held.startAt(0)).toBe(1_000_000 - longestWriteMs)
  held.add(5, 10)
  held.add(1_000_001, 20)
  held.add(9_000_000, 30)
  expect(held.startAt(longestWriteMs - 1)).toBe(1_000_000 - longestWriteMs)
  expect(held.startAt(longestWriteMs)).toBe(1_000_000)
  expect(held.startAt(longestWriteMs + 20)).toBe(1_000_001)
  held.add(9_000_001, longestWriteMs + 20)
  expect(held.startAt(longestWriteMs + 30)).toBe(9_000_000)
  expect(held.startAt(9 * longestWriteMs)).toBe(9_000_001)
})

test('a selection agrees with the list of the store, for every filter', async () => {
  const store = await openSqliteStore(':memory:')
  onTestFinished(() => store.close())
  const { failure } = failedTask()
  const tasks = [
    pendingTask({ reference: 'a/1', audioId: 'x' }),
    pendingTask({ type: 'split_stem', charge: 'MAYBE', createdAtMs: 5 }),
    succeededTask({ provider: 'sunoapi', reference: 'a/2', createdAtMs: 6 }),
    failedTask({ type: null, musicTaskId: null, audioId: null }),
    failedTask({ charge: 'NONE', failure: { ...failure, code: 'SUBMISSION_REFUSED' }, reference: 'b' }),
  ]
  for (const task of tasks) await store.adopt(task, null)
  const filters: readonly TaskFilter[] = [
    {},
    { status: ['PENDING', 'SUCCESS'] },
    { status: [] },
    { status: ['CREATE_TASK_FAILED'] },
    { type: 'split_stem' },
    { type: 'separate_vocal' },
    { provider: 'sunoapi' },
    { audioId: 'x' },
    { musicTaskId: 'my-music' },
    { reference: 'a/1' },
    { referencePrefix: 'a/' },
    { settled: true },
    { settled: false },
    { charge: ['NONE', 'MAYBE'] },
    { failureCode: ['SUBMISSION_REFUSED'] },
    { failureCode: ['GENERATION_FAILED', 'NO_RESULT'] },
    { createdAfterMs: 6 },
    { createdBeforeMs: 6 },
  ]
  for (const one of filters) {
    for (const other of filters) {
      const where = { ...one, ...other }
      const listed = await store.list(owner, { where, limit: 100, inverted: false })
      const selected = tasks.filter((task) => isSelected(task, { where, ids: null }))
      expect({ where, ids: selected.map(({ id }) => id).toSorted() }).toEqual({
        where,
        ids: listed.map(({ id }) => id).toSorted(),
      })
      for (const task of selected) expect(mayHaveBeenSelected(task, { where, ids: null })).toBe(true)
    }
  }
})
