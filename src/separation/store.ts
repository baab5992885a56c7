import type { ProviderReport } from './advance/report.ts'
import type { Charge, FailureCode, ProviderName, SeparationStatus, SeparationType, Task } from './task.ts'

/** An idempotency key of one caller, and what it was first used for. */
export interface IdempotencyKey {
  readonly owner: string
  readonly key: string
  /** The input as it was given; the same key with another input is a conflict. */
  readonly fingerprint: string
}

export type OrderResult =
  | { readonly kind: 'new'; readonly task: Task }
  /** An earlier task answers the order. */
  | { readonly kind: 'joined'; readonly task: Task }
  /** The key was used before, for something else. */
  | { readonly kind: 'conflict'; readonly task: Task }
  /** Nothing answers the order, and it may not be inserted. */
  | { readonly kind: 'not-admitted' }

export type AnsweredOrder = Exclude<OrderResult, { readonly kind: 'not-admitted' }>

/** A callback as it was received. */
export interface SavedCallback {
  readonly taskId: string
  readonly receivedAtMs: number
  /** The provider's id that it names: what to ask for while the task has none of its own. */
  readonly providerTaskId: string | null
  /** Its words; null if they cannot be read or not be trusted, and only mean that somebody should ask the provider. */
  readonly report: ProviderReport | null
}

/** Which tasks to list: those that fit all that is given. Of `status`, `charge` and `failureCode` one value has to fit. */
export interface TaskFilter {
  readonly status?: readonly SeparationStatus[] | undefined
  readonly type?: SeparationType | undefined
  readonly provider?: ProviderName | undefined
  readonly audioId?: string | undefined
  readonly musicTaskId?: string | undefined
  readonly settled?: boolean | undefined
  readonly charge?: readonly Charge[] | undefined
  readonly failureCode?: readonly FailureCode[] | undefined
  /** From this time on, in milliseconds since 1970. */
  readonly createdAfterMs?: number | undefined
  /** Up to this time, without it. */
  readonly createdBeforeMs?: number | undefined
}

/** A place in the list of a caller's tasks, newest first. */
export interface TaskCursor {
  readonly createdAtMs: number
  readonly id: string
}

export interface TaskPage {
  readonly where: TaskFilter
  /** Only tasks behind this place. */
  readonly after?: TaskCursor | undefined
  /** Only tasks before this place. */
  readonly before?: TaskCursor | undefined
  readonly limit: number
  /** The oldest tasks of the range first. */
  readonly inverted: boolean
}

export interface Clock {
  /** The time, in milliseconds since 1970. */
  nowMs(): number
}

/**
 * Where tasks, keys and callbacks are kept. Its clock is the one by which every gateway of this store sets leases and
 * draws conclusions: the database's, where there is a server. Each verb is atomic, and durable when it returns. Each throws
 * StoreUnavailableError if the store cannot do it now.
 */
export interface Store extends Clock {
  /**
   * Takes an order: finds the task that answers it, by key or by track, or inserts `task`, due to be checked at `dueAtMs`,
   * if it is admitted. A key leads to no order that was refused, unless its task was handed out.
   */
  createOrder(order: {
    readonly task: Task
    readonly key: IdempotencyKey | null
    readonly dueAtMs: number
    /**
     * Whether an earlier task for the same track may answer the order; null if it must be a new one. The newest that may
     * does. Asked of no task that was refused.
     */
    readonly canJoin: ((earlier: Task) => boolean) | null
    /** Asked, perhaps more than once, when no earlier task answers the order: whether it may be inserted. */
    readonly isAdmitted: () => Promise<boolean>
  }): Promise<OrderResult>
  /** Inserts a task made outside, unless some task bears its provider's id already; returns the one that stands there. */
  adopt(task: Task, dueAtMs: number | null): Promise<Task>
  /** Inserts a task that the store has forgotten, due at once; changes nothing if it is there. */
  restore(task: Task): Promise<void>
  /**
   * Writes the task if the stored one still has the revision before it; false if it has moved on.
   * @param before the task as it was read, so that what a later version of the gateway wrote beside it is kept
   */
  replace(task: Task, before: Task): Promise<boolean>
  /** The tasks with these ids, in any order. One read, however many ids. */
  find(ids: readonly string[]): Promise<readonly Task[]>
  /** The tasks that bear these provider's ids. One read, however many. */
  findBound(ids: readonly { provider: ProviderName; providerTaskId: string }[]): Promise<readonly Task[]>
  list(owner: string, page: TaskPage): Promise<readonly Task[]>
  /** The pending orders of a provider that are bound to no id yet, the newest first; at most `limit`. */
  findUnbound(provider: ProviderName, limit: number): Promise<readonly Task[]>
  /** How many pending tasks each provider has; none where it has none. */
  countPending(): Promise<ReadonlyMap<ProviderName, number>>
  /** Makes a key that leads to the task do so for good, even if the provider turns out to have refused the order. */
  confirmKey(task: Task, key: string): Promise<void>
  /**
   * Writes the callback down and makes the task due at once; within two seconds of another callback, when these are over.
   * Of equal payloads one note is kept, with the time of the first; of many notes of a task the newest twenty, results
   * before anything else.
   */
  saveCallback(saveCallback: SavedCallback): Promise<void>
  /** The callbacks noted for the task, oldest first. */
  savedCallbacks(taskId: string): Promise<readonly SavedCallback[]>
  /**
   * Takes up to `limit` due tasks of a provider, those with callbacks before the others, longest due first, which nobody
   * else is then given before `leaseUntilMs`.
   */
  leaseDue(provider: ProviderName, nowMs: number, leaseUntilMs: number, limit: number): Promise<readonly Task[]>
  /** Makes a claim of these tasks last until `laterMs`, where it has not ended yet. */
  renew(taskIds: readonly string[], leaseUntilMs: number, laterMs: number): Promise<void>
  /** Ends a claim: the task is due next at `dueAtMs`, or never for null, unless a callback made it due meanwhile. */
  release(taskId: string, leaseUntilMs: number, dueAtMs: number | null): Promise<void>
  /** Ends every claim, whoever holds it: the tasks are due at once. For a database that nobody else uses. */
  releaseAllLeases(): Promise<void>
  /** The secret of that name, made by `make` and kept if there is none yet. */
  secret(name: string, make: () => string): Promise<string>
  /** Writes something that means nothing: resolves if an order could be written now. */
  checkWritable(): Promise<void>
  close(): Promise<void>
}
