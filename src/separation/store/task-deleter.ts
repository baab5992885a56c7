import type { TaskCursor } from './task-reader.ts'
import type { Charge } from '../task/task.ts'

/** A stored task that may be deleted, also one that this version cannot read. */
export interface DeletableTask {
  readonly id: string
  readonly owner: string
  readonly isSettled: boolean
  readonly charge: Charge
  readonly createdAtMs: number
  /** The SHA-256 of each copy in the archive. */
  readonly copies: readonly string[]
  /** Whether its files are being archived now. */
  readonly isBusy: boolean
  /** Changes with everything that happens to the task. */
  readonly state: string
}

/** What is stored of an owner. */
export interface OwnedCounts {
  readonly tasks: number
  /** How many of the tasks are pending. */
  readonly pending: number
  /** How many of the settled ones may be charged (`MAYBE`). */
  readonly maybe: number
  /** Whether anything else is stored of the owner, such as a budget or when its key was last used. */
  readonly hasOther: boolean
}

/** Old tasks that are not deleted, by the reason. */
export interface KeptCounts {
  pending: number
  /** Nobody knows whether they are charged. */
  maybe: number
  /** A webhook about them is still to be delivered. */
  undelivered: number
}

/** Finds tasks to delete, and deletes them. */
export interface TaskDeleter {
  /**
   * Looks at the next `limit` tasks by id that were stored before a time, and returns the expired ones. An expired task is settled,
   * its charge is known, no webhook about it is still to be delivered, and since that time nothing has happened to it or been due.
   * `lastId` is the last id that was looked at; null at the end. `kept` counts the others, unless something has happened to them since.
   */
  findExpired(page: {
    readonly after: string
    /** In milliseconds since 1970. */
    readonly beforeMs: number
    readonly limit: number
  }): Promise<{
    readonly tasks: readonly DeletableTask[]
    readonly kept: Readonly<KeptCounts>
    readonly lastId: string | null
  }>
  /** The next tasks of an owner, oldest first, whatever their state. */
  deletableOf(
    owner: string,
    page: { readonly after: TaskCursor | null; readonly limit: number },
  ): Promise<readonly DeletableTask[]>
  countOwned(owner: string): Promise<OwnedCounts>
  /**
   * Deletes those of the tasks to which nothing has happened since they were read, with everything that belongs to them. What
   * remains is a tombstone of each, of the provider's id for it, and of its idempotency keys. Returns the ids of the deleted.
   */
  deleteTasks(tasks: readonly DeletableTask[]): Promise<readonly string[]>
  /** Deletes what is stored of an owner besides its tasks; nothing while it has a task, as it has after an order meanwhile. */
  deleteOwner(owner: string): Promise<void>
  /**
   * Deletes counters of days and months that began before a time, of the next `limit` counters by owner. Returns the owner to go on
   * after; null at the end.
   */
  deleteOldCounters(page: {
    readonly after: string
    readonly startedBeforeMs: number
    readonly limit: number
  }): Promise<string | null>
  /**
   * Looks at the next `limit` endpoints of webhooks by id, and deletes those of which no task is told, to which no message is sent, and
   * which are not paused. Returns the id to go on after; null at the end.
   */
  deleteUnusedEndpoints(page: { readonly after: string; readonly limit: number }): Promise<string | null>
  /** When the oldest task was stored, in milliseconds since 1970; null without tasks. */
  oldestTaskAtMs(): Promise<number | null>
}
