import type { Task } from '../task/task.ts'
import type { ToldChange } from '../webhooks/told-change.ts'

/** How a lease of a task ends. Times are milliseconds since 1970. */
export interface LeaseEnd {
  /** The end of the lease that is held: it identifies the lease. */
  readonly leaseUntilMs: number
  /** When the task is due next; null: never. */
  readonly dueAtMs: number | null
}

/** When a task is due, whatever lease of it is held: the lease ends. */
export interface NewDue {
  readonly leaseUntilMs: null
  /** In milliseconds since 1970. */
  readonly dueAtMs: number
}

/** What else the write of a task does, if it writes. */
export interface WriteEffects {
  /** Makes the archive's work on the task due at this time, in milliseconds since 1970, as `ArchiveQueue.makeDue` does. */
  readonly archiveAtMs?: number | undefined
}

export interface ChangeEffects extends WriteEffects {
  /** Stores a message about the change for each endpoint that is told of the task. */
  readonly told?: ToldChange | undefined
}

/** What `record` needs: the stored task itself, and the one write that changes a task. */
export interface RecordStore {
  find(ids: readonly string[]): Promise<readonly Task[]>
  /**
   * Writes the task if the stored revision is that of `before`; false if another write came first.
   * @param before the task as it was read, so that fields written by a newer version are kept
   * @param due ends a lease of the task in the same write, as `CheckQueue.release` does, or sets when it is due; ignored if
   * nothing is written
   */
  replace(task: Task, before: Task, due?: LeaseEnd | NewDue, effects?: ChangeEffects): Promise<boolean>
}
