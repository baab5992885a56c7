import type { DueQueue } from './due-queue.ts'
import type { SucceededTask, Task } from '../task/task.ts'

/** The archive's work on a task: to copy its files, or to delete the copies. The id is that of the task. */
export interface ArchiveJob {
  readonly id: string
  readonly task: SucceededTask
  /** How often the work was begun since it was made due, this time included. */
  readonly attempts: number
}

/**
 * Schedules the work of the archive. A task whose files are copied keeps its entry, which is due for the deletion. After that, and if
 * there is nothing to delete, it is never due.
 */
export interface ArchiveQueue extends DueQueue<ArchiveJob> {
  /**
   * Makes the work on a task that has succeeded due at this time, or when a lease that is held has ended. The attempts count
   * anew.
   */
  makeDue(task: Task, dueAtMs: number): Promise<void>
  /**
   * Sets when copies are deleted: `archiveMs` after the completion of their task, where the work is due later than `laterThanMs`.
   * Times are milliseconds since 1970.
   */
  keepFor(archiveMs: number, laterThanMs: number): Promise<void>
  /**
   * Looks at the next `limit` tasks by id, and returns those that have succeeded and have no entry. `lastId` is the last id that
   * was looked at; null at the end.
   */
  findMissing(page: {
    readonly after: string
    readonly limit: number
  }): Promise<{ readonly tasks: readonly SucceededTask[]; readonly lastId: string | null }>
  /** Adds entries for tasks that have none. A time of null: nothing is due. */
  add(entries: readonly { readonly task: SucceededTask; readonly dueAtMs: number | null }[]): Promise<void>
  /** How many tasks have work that is due and not under way. */
  countDue(nowMs: number): Promise<number>
  /** Ends all leases: their work is due at once. Only for a database that no other gateway uses. */
  releaseAllLeases(): Promise<void>
}
