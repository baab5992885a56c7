import { groupsOf } from '../../runtime/groups-of.ts'
import type { Changes } from '../changes.ts'
import { StoreUnavailableError } from '../errors.ts'
import { isTaskId } from '../task/task-id.ts'
import type { ChangeReader } from '../store/change-reader.ts'
import type { Task } from '../task/task.ts'
import type { ChangePoll } from './change-poll.ts'
import type { FindPermission, TaskRef } from './find.ts'
import type { ReadTask } from './read-task.ts'

/** What a read has found: the task, null if the owner has no such task, or why the task could not be read. */
export type WatchedState = Task | null | Error

export interface Watcher {
  /**
   * Called after every read that began after the watch: of the task as it was found first, and again whenever it may have
   * changed. An older revision never follows a newer one. After a StoreUnavailableError the task is soon read again.
   * @param readAt when the read began, see `now`
   */
  onState(state: WatchedState, readAt: number): void
}

/** A watch under way. It lasts until it is stopped, also when the task is settled. */
export interface Watch {
  /** Calls the watcher with the result of a read that has not begun yet. */
  refresh(): void
  stop(): void
}

export interface Watches {
  /**
   * Counts the reads that have begun. The result of a read is current for whoever asked at `now()` if its `readAt` is greater.
   */
  now(): number
  watch(owner: string, ref: TaskRef, permission: FindPermission, watcher: Watcher): Watch
  /** The number of tasks that are watched. */
  size(): number
}

export interface WatchesOptions {
  /** Finds a task by the provider's id for it, and may adopt it. */
  readonly findTask: (owner: string, ref: TaskRef, permission: FindPermission) => Promise<Task | null>
  readonly readTask: ReadTask
  readonly readRevisions: ChangeReader['revisions']
  readonly changes: Pick<Changes, 'listen'>
  readonly poll: ChangePoll
}

/** One task that is watched, however many watch it: it is read once for all of them. */
interface WatchedTask {
  readonly taskId: string
  readonly watchers: Set<OwnWatcher>
  stopListening: () => void
  mayHaveChanged: boolean
  isReading: boolean
  /** The revision that was read last; null: there is no such task, undefined: it could not be read yet. */
  revision: number | null | undefined
  timer: NodeJS.Timeout | undefined
}

interface OwnWatcher {
  readonly owner: string
  readonly watcher: Watcher
  readonly since: number
}

/** How soon a read is repeated while the store is unavailable. */
const retryAfterMs = 1_000
/** How soon a read is repeated that has failed for another reason. */
const retryFailedAfterMs = 30_000
/** The number of revisions of one read. PostgreSQL reads them in some 6 ms. */
const maxRevisions = 1_000

/** Watches tasks. Listens before it reads, so that no change is missed, and reads one task once at a time. */
export function createWatches({ findTask, readTask, readRevisions, changes, poll }: WatchesOptions): Watches {
  const watched = new Map<string, WatchedTask>()
  let reads = 0
  let leavePoll = () => {}

  return {
    now: () => reads,
    watch: (owner, ref, permission, watcher) =>
      isTaskId(ref.taskId)
        ? watchTask(ref.taskId, owner, watcher)
        : watchFound(() => findTask(owner, ref, permission), owner, watcher),
    size: () => watched.size,
  }

  function watchTask(taskId: string, owner: string, watcher: Watcher): Watch {
    const task = watched.get(taskId) ?? begin(taskId)
    const own: OwnWatcher = { owner, watcher, since: reads }
    task.watchers.add(own)
    requestRead(task)
    return { refresh: () => requestRead(task), stop: () => leave(task, own) }
  }

  /** Finds the task first, as often as the watcher asks and there is none. */
  function watchFound(find: () => Promise<Task | null>, owner: string, watcher: Watcher): Watch {
    let found: Watch | null = null
    let isStopped = false
    let isFinding = false
    let mayHaveChanged = true

    async function look(): Promise<void> {
      isFinding = true
      while (mayHaveChanged && !isStopped && found === null) {
        mayHaveChanged = false
        const readAt = ++reads
        const state = await settled(find())
        if (isStopped) break
        if (state === null || state instanceof Error) watcher.onState(state, readAt)
        else found = watchTask(state.id, owner, watcher)
      }
      isFinding = false
    }

    void look()
    return {
      refresh() {
        mayHaveChanged = true
        if (found !== null) found.refresh()
        else if (!isFinding) void look()
      },
      stop() {
        isStopped = true
        found?.stop()
      },
    }
  }

  function begin(taskId: string): WatchedTask {
    const task: WatchedTask = {
      taskId,
      watchers: new Set(),
      stopListening: () => {},
      mayHaveChanged: false,
      isReading: false,
      revision: undefined,
      timer: undefined,
    }
    if (watched.size === 0) leavePoll = poll.join(readMissed)
    watched.set(taskId, task)
    task.stopListening = changes.listen(taskId, () => requestRead(task))
    return task
  }

  function leave(task: WatchedTask, own: OwnWatcher): void {
    if (!task.watchers.delete(own) || task.watchers.size > 0) return
    watched.delete(task.taskId)
    task.stopListening()
    clearTimeout(task.timer)
    if (watched.size === 0) leavePoll()
  }

  /** Reads each task again that has changed without a hint. */
  async function readMissed(): Promise<void> {
    for (const ids of groupsOf([...watched.keys()], maxRevisions)) {
      const stored = await readRevisions(ids)
      for (const id of ids) {
        const task = watched.get(id)
        if (task !== undefined && hasMissed(task, stored.get(id))) requestRead(task)
      }
    }
  }

  function requestRead(task: WatchedTask): void {
    task.mayHaveChanged = true
    if (!task.isReading) void read(task)
  }

  /** Reads the task until it cannot have changed since the read began, and once more later if it cannot be read. */
  async function read(task: WatchedTask): Promise<void> {
    task.isReading = true
    clearTimeout(task.timer)
    let retryMs: number | null = null
    while (task.mayHaveChanged && task.watchers.size > 0) {
      task.mayHaveChanged = false
      const readAt = ++reads
      const state = await settled(readTask(task.taskId))
      task.revision = state instanceof Error ? undefined : (state?.revision ?? null)
      retryMs = retryMsAfter(state)
      // Whoever joins meanwhile has asked for a later read.
      for (const { owner, watcher, since } of task.watchers) {
        if (readAt > since) watcher.onState(ownedBy(owner, state), readAt)
      }
    }
    task.isReading = false
    if (retryMs !== null && task.watchers.size > 0) task.timer = setTimeout(requestRead, retryMs, task).unref()
  }
}

/** Whether the stored revision shows a change of which the last read did not know. */
function hasMissed({ revision, isReading }: WatchedTask, stored: number | undefined): boolean {
  // What could not be read has a timer of its own. A read that is under way may have read before the change.
  if (revision === undefined) return isReading
  if (revision === null || stored === undefined) return revision !== (stored ?? null)
  return stored > revision
}

function retryMsAfter(state: WatchedState): number | null {
  if (!(state instanceof Error)) return null
  return state instanceof StoreUnavailableError ? retryAfterMs : retryFailedAfterMs
}

/** Another owner's task is the same as an unknown one. */
function ownedBy(owner: string, state: WatchedState): WatchedState {
  return state === null || state instanceof Error || state.owner === owner ? state : null
}

async function settled(task: Promise<Task | null>): Promise<WatchedState> {
  try {
    return await task
  } catch (error) {
    return error instanceof Error ? error : new Error('The task could not be read.', { cause: error })
  }
}
