import { groupsOf } from '../../runtime/groups-of.ts'
import type { Log } from '../../runtime/log.ts'
import type { DeletableTask, TaskDeleter } from '../store/task-deleter.ts'
import type { Pace } from './pace.ts'

/** Deletes files of tasks in the archive. */
export interface ArchivedFiles {
  /** Deletes these copies of a task; those that are gone already count as deleted. Rejects if the archive cannot be used. */
  removeCopies(taskId: string, copies: readonly string[]): Promise<void>
}

export interface DeleteTasksOptions {
  readonly store: Pick<TaskDeleter, 'deleteTasks'>
  /** null: no archive is configured. */
  readonly files: ArchivedFiles | null
  readonly pace: Pace
  readonly log: Log
}

/** What became of tasks that were to be deleted. */
export interface DeletionCounts {
  deleted: number
  /** Kept, because they changed meanwhile or their files are being archived. */
  busy: number
  /** Kept, because the archive with their files is not configured or cannot be used. */
  withFiles: number
}

/** Adds to `counts`. `onDeleted` gets the tasks that were deleted. Rejects as `Pace.step` does. */
export type DeleteTasks = (
  tasks: readonly DeletableTask[],
  counts: DeletionCounts,
  options?: { readonly signal?: AbortSignal; readonly onDeleted?: (tasks: readonly DeletableTask[]) => void },
) => Promise<void>

/** How many tasks' files are deleted at a time. */
const maxConcurrent = 8

/**
 * Deletes tasks for good, in steps. Their files go first: a process that ends in between leaves a task that still names them, and
 * the next run goes on.
 */
export function createDeleteTasks({ store, files, pace, log }: DeleteTasksOptions): DeleteTasks {
  /** Returns false if the files of the task remain. */
  async function removeFiles({ id: taskId, copies }: DeletableTask): Promise<boolean> {
    if (files === null) return copies.length === 0
    try {
      await files.removeCopies(taskId, copies)
      return true
    } catch (error) {
      log.debug({ taskId, err: error }, 'the files of a task could not be deleted, so the task is kept')
      return false
    }
  }

  async function withoutFiles(tasks: readonly DeletableTask[]): Promise<readonly DeletableTask[]> {
    const done: DeletableTask[] = []
    for (const group of groupsOf(tasks, maxConcurrent)) {
      const areRemoved = await Promise.all(group.map(removeFiles))
      done.push(...group.filter((_task, index) => areRemoved[index]))
    }
    return done
  }

  return async function deleteTasks(tasks, counts, { signal, onDeleted } = {}) {
    const free = tasks.filter(({ isBusy }) => !isBusy)
    counts.busy += tasks.length - free.length
    for (let from = 0; from < free.length;) {
      const batch = free.slice(from, from + pace.size())
      from += batch.length
      const ready = await withoutFiles(batch)
      counts.withFiles += batch.length - ready.length
      const step = async () => {
        const deleted = new Set(await store.deleteTasks(ready))
        counts.deleted += deleted.size
        counts.busy += ready.length - deleted.size
        for (const taskId of deleted) log.debug({ event: 'task.deleted', taskId }, 'a task is deleted')
        onDeleted?.(ready.filter(({ id }) => deleted.has(id)))
      }
      await pace.step(step, signal)
    }
  }
}
