import type { ProviderReport } from '../task/report.ts'
import type { ProviderName } from '../task/provider-name.ts'
import type { Task } from '../task/task.ts'

/** A callback as it was received. */
export interface SavedCallback {
  readonly taskId: string
  readonly receivedAtMs: number
  /** The provider task id in the callback: the id to look up while the task is not bound. */
  readonly providerTaskId: string | null
  /** The callback's report; null if it cannot be parsed or trusted, so that the callback only triggers a check. */
  readonly report: ProviderReport | null
}

export interface SaveCallbackOptions {
  /** Stores the callback only if its task is of this provider. */
  readonly provider?: ProviderName
  /** Leases the task until this time, in milliseconds since 1970, if the callback makes it due at once and no lease is held. */
  readonly leaseUntilMs?: number
}

/** The task of a callback that was stored. */
export interface CallbackTask {
  readonly task: Task
  /** Whether the task is leased until `leaseUntilMs`. */
  readonly isLeased: boolean
}

/** Stores callbacks until their task needs no more checks. */
export interface CallbackInbox {
  /**
   * Stores the callback and makes its task due at once, or 2 seconds after the previous callback. Of equal payloads the first is kept,
   * and of each task at most the 20 newest, results before anything else. Stores nothing and resolves to null if there is no
   * such task.
   */
  saveCallback(callback: SavedCallback, options?: SaveCallbackOptions): Promise<CallbackTask | null>
  /** The stored callbacks of a task, oldest first. */
  savedCallbacks(taskId: string): Promise<readonly SavedCallback[]>
}
