import { createBoundedMap, type BoundedMap } from '../../runtime/bounded-map.ts'
import { groupsOf } from '../../runtime/groups-of.ts'
import type { Log } from '../../runtime/log.ts'
import type { Changes } from '../changes.ts'
import { isSingleTaskError, StoreUnavailableError } from '../errors.ts'
import type { ChangeReader } from '../store/change-reader.ts'
import type { Task } from '../task/task.ts'
import type { ChangePoll } from './change-poll.ts'
import { beginRead, pageSize, readPage, type FoundChanges, type RunningRead } from './change-pages.ts'
import { areSame } from './change-totals.ts'
import { createHeldPositions, longestWriteMs, type HeldPositions } from './held-positions.ts'
import type { ReadTask } from './read-task.ts'

export interface OwnerWatcher {
  /**
   * Called with tasks of the owner as they were read after a change. The next read waits until the promise resolves, and so does
   * `inTurn`. Must not reject.
   */
  onTasks(tasks: readonly Task[]): Promise<void>
}

/** A watch of all tasks of an owner. */
export interface OwnerWatch {
  /**
   * Runs the work between two reads of changes, so that what it reads is not older than what was shown before, nor newer than
   * what is shown afterwards. Rejects if the work rejects, or if the store cannot be read.
   */
  inTurn(work: () => Promise<void>): Promise<void>
  /** Every change before this position was shown, to those who watched then. */
  position(): number
  stop(): void
}

export interface OwnerWatches {
  watch(owner: string, watcher: OwnerWatcher): OwnerWatch
  /** The number of owners that are watched. */
  size(): number
}

export interface OwnerWatchesOptions {
  readonly reader: Pick<ChangeReader, 'changes' | 'latestPosition' | 'changeTotals'>
  readonly readTask: ReadTask
  readonly changes: Pick<Changes, 'listenToOwner'>
  readonly poll: ChangePoll
  /** From 0 to 1, exclusive. Spreads the rereads of many owners. */
  readonly random: () => number
  readonly log: Log
}

/** One owner, however many watch its tasks: a change is read once for all of them. */
interface WatchedOwner {
  readonly owner: string
  readonly watchers: Set<OwnerWatcher>
  readonly works: (() => Promise<void>)[]
  /** Tasks that were said to have changed. */
  readonly changedIds: Set<string>
  /** The revisions that were shown. */
  readonly shown: BoundedMap<number>
  stopListening: () => void
  /** Whether a task may have changed without a hint. */
  mayHaveMissed: boolean
  /** A read of all changes; null: none is under way. */
  reading: RunningRead | null
  /** null: the store was not read yet. */
  held: HeldPositions | null
  /** What the last read of all changes has found; null: there was none yet. */
  found: FoundChanges | null
  /** Whether a task was shown since that read. */
  isAhead: boolean
  isRunning: boolean
  timer: NodeJS.Timeout | undefined
}

/** After changes that hints told of, all changes are read within this time, so that the position advances. */
const rereadMs = 30_000
/** How soon a read is repeated while the store is unavailable. */
const retryAfterMs = 1_000
/** With more hints than this, all changes are read instead. */
const maxChangedIds = 500
const maxShown = 10_000
/** The number of owners whose totals are read at once. */
const maxOwners = 500

/** Watches the tasks of owners. All reads of one owner follow each other, so an older revision never follows a newer one. */
export function createOwnerWatches(options: OwnerWatchesOptions): OwnerWatches {
  const { reader, readTask, changes, poll, random, log } = options
  const watched = new Map<string, WatchedOwner>()
  let leavePoll = () => {}

  return {
    watch(owner, watcher) {
      const source = watched.get(owner) ?? begin(owner)
      source.watchers.add(watcher)
      return {
        inTurn: (work) =>
          new Promise((resolve, reject) => {
            source.works.push(async () => {
              try {
                await beginReading(source)
                await work()
                resolve()
              } catch (error) {
                reject(error instanceof Error ? error : new Error('The tasks could not be read.', { cause: error }))
              }
            })
            wake(source)
          }),
        position: () => source.held?.startAt(performance.now()) ?? 0,
        stop() {
          if (!source.watchers.delete(watcher) || source.watchers.size > 0) return
          watched.delete(owner)
          source.stopListening()
          clearTimeout(source.timer)
          if (watched.size === 0) leavePoll()
        },
      }
    },
    size: () => watched.size,
  }

  function begin(owner: string): WatchedOwner {
    const source: WatchedOwner = {
      owner,
      watchers: new Set(),
      works: [],
      changedIds: new Set(),
      shown: createBoundedMap(maxShown),
      stopListening: () => {},
      mayHaveMissed: false,
      reading: null,
      held: null,
      found: null,
      isAhead: false,
      isRunning: false,
      timer: undefined,
    }
    if (watched.size === 0) leavePoll = poll.join(readMissed)
    watched.set(owner, source)
    source.stopListening = changes.listenToOwner(owner, (taskId) => {
      if (taskId !== null && source.changedIds.size < maxChangedIds) source.changedIds.add(taskId)
      else source.mayHaveMissed = true
      wake(source)
    })
    return source
  }

  function wake(source: WatchedOwner): void {
    if (!source.isRunning) void run(source)
  }

  /** Works and reads in turn, until nothing is left to do, and reads the changes again later. */
  async function run(source: WatchedOwner): Promise<void> {
    source.isRunning = true
    clearTimeout(source.timer)
    let isReadable = true
    // The hints of one turn of the event loop are read together.
    await Promise.resolve()
    while (source.watchers.size > 0) {
      const work = source.works.shift()
      if (work !== undefined) await work()
      if (isReadable && hasChanges(source)) isReadable = await readChanges(source)
      // Nothing may be awaited between this and the end: what comes then would wait for the timer.
      else if (source.works.length === 0) break
    }
    source.isRunning = false
    if (source.watchers.size === 0) return
    if (!isReadable) source.timer = setTimeout(readAll, retryAfterMs, source).unref()
    else if (source.isAhead) source.timer = setTimeout(readAll, rereadMs * (0.8 + 0.2 * random()), source).unref()
  }

  /** Reads the changes of each owner again that has one without a hint. */
  async function readMissed(): Promise<void> {
    for (const group of groupsOf([...watched.values()], maxOwners)) {
      const asked = group.map(({ owner, found }) => ({ owner, found, position: found?.position ?? 0 }))
      const stored = await reader.changeTotals(asked.filter(({ found }) => found !== null))
      for (const { owner, found } of asked) {
        const source = watched.get(owner)
        if (source === undefined) continue
        // If all changes were read meanwhile, the totals say nothing of what was found.
        const isSame = found !== null && found === source.found && areSame(found.totals, stored.get(owner))
        if (!isSame || mayBeginLater(source)) readAll(source)
      }
    }
  }

  /** Whether the totals are those of changes for which nobody has to look any more. */
  function mayBeginLater({ found, held }: WatchedOwner): boolean {
    const nowMs = performance.now()
    if (found === null || held === null || nowMs - found.atMs < longestWriteMs) return false
    return held.startAt(nowMs) > found.position
  }

  function hasChanges({ changedIds, mayHaveMissed, reading }: WatchedOwner): boolean {
    return changedIds.size > 0 || mayHaveMissed || reading !== null
  }

  function readAll(source: WatchedOwner): void {
    source.mayHaveMissed = true
    wake(source)
  }

  /** From here on, no change is missed. */
  async function beginReading(source: WatchedOwner): Promise<void> {
    if (source.held !== null) return
    const held = createHeldPositions(await reader.latestPosition(source.owner), performance.now())
    await skipEarlierChanges(source, held)
    source.held = held
  }

  /** What is visible now is no change to those who begin to watch. Whatever becomes visible later is, also at a lower position. */
  async function skipEarlierChanges(source: WatchedOwner, held: HeldPositions): Promise<void> {
    let reading = beginRead(held)
    for (let pages = 0; pages * pageSize < maxShown; pages++) {
      const { page, read, isLast } = await readPage(reader, source.owner, reading)
      for (const { id, revision } of page) source.shown.set(id, revision)
      if (isLast) {
        source.found = read
        return
      }
      reading = read
    }
  }

  /** Reads the tasks that were said to have changed, or a page of all changes. Returns false if the store cannot be read. */
  async function readChanges(source: WatchedOwner): Promise<boolean> {
    const ids = [...source.changedIds]
    source.changedIds.clear()
    try {
      await beginReading(source)
      if (ids.length === 0) await readAndShow(source)
      else {
        source.isAhead = true
        await show(source, ids)
      }
      return true
    } catch (error) {
      source.mayHaveMissed = true
      source.reading = null
      if (!(error instanceof StoreUnavailableError)) log.error({ err: error }, 'the changes of tasks could not be read')
      return false
    }
  }

  /** Reads a page of all changes. */
  async function readAndShow(source: WatchedOwner): Promise<void> {
    const { owner, held, shown } = source
    if (held === null) return
    const { page, read, isLast } = await readPage(reader, owner, source.reading ?? beginReadingAll(source, held))
    await show(
      source,
      page.filter(({ id, revision }) => shown.get(id) !== revision).map(({ id }) => id),
    )
    source.reading = isLast ? null : read
    if (!isLast) return
    source.found = read
    const last = page.at(-1)
    if (last !== undefined) held.add(last.position, performance.now())
  }

  function beginReadingAll(source: WatchedOwner, held: HeldPositions): RunningRead {
    source.mayHaveMissed = false
    source.isAhead = false
    return beginRead(held)
  }

  async function show(source: WatchedOwner, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    const read = await Promise.allSettled(ids.map((id) => readTask(id)))
    const tasks: Task[] = []
    for (const each of read) {
      if (each.status === 'rejected' && !isSingleTaskError(each.reason)) throw each.reason
      const task = each.status === 'fulfilled' ? each.value : null
      if (task?.owner !== source.owner || (source.shown.get(task.id) ?? 0) >= task.revision) continue
      source.shown.set(task.id, task.revision)
      tasks.push(task)
    }
    if (tasks.length > 0) await Promise.all([...source.watchers].map((watcher) => watcher.onTasks(tasks)))
  }
}
