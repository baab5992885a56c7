import type { OperatorStore } from './operator-store.ts'
import type { ProviderReport } from './advance/report.ts'
import type { RateCounter } from './rate-counter.ts'
import type { DueQueue } from './due-queue.ts'
import type {
  Charge,
  FailureCode,
  ProviderName,
  SeparationStatus,
  SeparationType,
  SucceededTask,
  Task,
} from './task.ts'
import type { ToldChange } from './webhooks/told-change.ts'
import type { WebhookEndpoint } from './webhooks/webhook-endpoint.ts'
import type { WebhookDraft, WebhookQueue } from './webhooks/webhook-queue.ts'

/** An idempotency key of one caller, and the order that it was first used for. */
export interface IdempotencyKey {
  readonly owner: string
  readonly key: string
  /** Identifies the input of the order. The same key with another fingerprint is a conflict. */
  readonly fingerprint: string
}

/** A counter of what an owner has ordered in a day or month. */
export interface BudgetCounter {
  /** What is counted, such as `orders/day`. */
  readonly name: string
  /** The day or month, in milliseconds since 1970; the end is exclusive. A task is counted in that of its `createdAtMs`. */
  readonly startMs: number
  readonly endMs: number
  /** What an order counts. The orders of the window that were placed before the counter existed are counted by it. */
  readonly amountOf: (provider: ProviderName, type: SeparationType) => number
}

/** What an order takes from a budget of its owner. */
export interface BudgetClaim extends BudgetCounter {
  readonly amount: number
  /** How much the counter may have in all. */
  readonly limit: number
}

export type OrderResult =
  | {
      readonly kind: 'new'
      readonly task: Task
      /** What each counter has with this order, in the order of its claims. Missing without claims, and if an earlier attempt stored it. */
      readonly used?: readonly number[]
    }
  /** An earlier task answers the order. */
  | { readonly kind: 'joined'; readonly task: Task }
  /** The key was used before with another input. */
  | { readonly kind: 'conflict'; readonly task: Task }
  /** The key was used for an order whose task was deleted. Nothing may be ordered with it again. */
  | { readonly kind: 'deleted'; readonly tombstone: Tombstone }
  /** No task answers the order, and it was not admitted. */
  | { readonly kind: 'not-admitted' }
  /** No task answers the order, and this claim would take more than its budget has left. */
  | { readonly kind: 'over-budget'; readonly claim: number; readonly used: number }

/** The order is answered by a task. */
export type AnsweredOrder = Exclude<OrderResult, { readonly kind: 'deleted' | 'not-admitted' | 'over-budget' }>

/** What is left of a deleted task, so that nothing is paid for twice. It names nobody and nothing. */
export interface Tombstone {
  readonly charge: Charge
  /** The day on which it was ordered: its beginning, in milliseconds since 1970. */
  readonly orderedAtMs: number
}

/** A callback as it was received. */
export interface SavedCallback {
  readonly taskId: string
  readonly receivedAtMs: number
  /** The provider task id in the callback: the id to look up while the task is not bound. */
  readonly providerTaskId: string | null
  /** The callback's report; null if it cannot be parsed or trusted, so that the callback only triggers a check. */
  readonly report: ProviderReport | null
}

/** Which tasks to list. A task must match every field; of `status`, `charge` and `failureCode`, any one value. */
export interface TaskFilter {
  readonly status?: readonly SeparationStatus[] | undefined
  readonly type?: SeparationType | undefined
  readonly provider?: ProviderName | undefined
  readonly audioId?: string | undefined
  readonly musicTaskId?: string | undefined
  readonly reference?: string | undefined
  /** Compared by code points: upper and lower case differ, and no character is a wildcard. */
  readonly referencePrefix?: string | undefined
  readonly settled?: boolean | undefined
  readonly charge?: readonly Charge[] | undefined
  readonly failureCode?: readonly FailureCode[] | undefined
  /** Inclusive, in milliseconds since 1970. */
  readonly createdAfterMs?: number | undefined
  /** Exclusive, in milliseconds since 1970. */
  readonly createdBeforeMs?: number | undefined
}

/** A position in the list of a caller's tasks, newest first. */
export interface TaskCursor {
  readonly createdAtMs: number
  readonly id: string
}

export interface TaskPage {
  readonly where: TaskFilter
  /** Only tasks after this position. */
  readonly after?: TaskCursor | undefined
  /** Only tasks before this position. */
  readonly before?: TaskCursor | undefined
  readonly limit: number
  /** Whether to return the oldest tasks of the range first. */
  readonly inverted: boolean
}

/** A place among the changes of an owner's tasks. */
export interface ChangeCursor {
  /** See `TaskChange`. */
  readonly position: number
  /** Orders the changes of one position. Empty: before all of them. */
  readonly id: string
}

/** A position among the changes of an owner's tasks. */
export interface OwnerPosition {
  readonly owner: string
  /** See `TaskChange`. */
  readonly position: number
}

/** Tells apart the states of an owner's changes. One number would not do: a task may be deleted while another one changes. */
export interface ChangeTotals {
  readonly count: number
  readonly revisionSum: number
  /** The greatest position; 0 if there is no change. */
  readonly latest: number
}

/** The last change of a task. */
export interface TaskChange {
  readonly id: string
  readonly revision: number
  /**
   * The database's time of the change in milliseconds since 1970, but always greater than that of every change of the owner that
   * was committed before the change began, whatever the clock does. So a change that is committed later may only have a lower
   * position if it began before.
   */
  readonly position: number
}

/** The time that all gateways of a store share: the database server's, where there is one. */
export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number
}

/** The tasks of one provider that wait, of all owners. */
export interface Backlog {
  /** Tasks that are not settled. */
  readonly pending: number
  /** Of these, the orders that are not sent yet. */
  readonly queued: number
  /** When the oldest of the pending tasks was created, in milliseconds since 1970; null if there is none. */
  readonly oldestAtMs: number | null
  /** Tasks, settled ones included, whose check is overdue. */
  readonly overdue: number
}

/** Reads tasks. A cache may stand in front of it, but never in front of `RecordStore`. */
export interface TaskReader {
  /** The tasks with these ids, in any order. One read for all of them. */
  find(ids: readonly string[]): Promise<readonly Task[]>
  /**
   * The revision that is stored now of each of these tasks; no entry for an unknown id. Calls of one turn of the event loop
   * share a read, so there may be entries of other tasks.
   */
  revisions(ids: readonly string[]): Promise<ReadonlyMap<string, number>>
  /**
   * A number that is another one once another process has committed; null if the database cannot tell. Costs next to nothing,
   * and saves reading what has not changed.
   */
  foreignCommits(): Promise<number | null>
  /** The tasks bound to these provider task ids. One read for all of them. */
  findBound(ids: readonly { provider: ProviderName; providerTaskId: string }[]): Promise<readonly Task[]>
  /** Rejects with TooManyMatchesError if `referencePrefix` matches more tasks than can be sorted quickly. */
  list(owner: string, page: TaskPage): Promise<readonly Task[]>
  /** The number of tasks that match the filter, but at most `limit`. */
  count(owner: string, where: TaskFilter, limit: number): Promise<number>
  /**
   * The last changes of the owner's tasks after a cursor, oldest first. No task that was last changed before the store knew
   * positions.
   */
  changes(owner: string, page: { readonly after: ChangeCursor; readonly limit: number }): Promise<readonly TaskChange[]>
  /** The position of the owner's newest change; 0 if there is none. */
  latestPosition(owner: string): Promise<number>
  /** The totals of each owner's changes at the position or after it. They are others after every further change. */
  changeTotals(owners: readonly OwnerPosition[]): Promise<ReadonlyMap<string, ChangeTotals>>
  /** The pending orders of a provider that are not bound yet, newest first, at most `limit`. */
  findUnbound(provider: ProviderName, limit: number): Promise<readonly Task[]>
  /**
   * What waits, by provider: no entry for one for which nothing does.
   * @param overdueBeforeMs a task whose check was due before this time is overdue, in milliseconds since 1970
   */
  backlog(overdueBeforeMs: number): Promise<ReadonlyMap<ProviderName, Backlog>>
}

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

export interface AdoptionEffects extends WriteEffects {
  /** Tells this endpoint of the task. */
  readonly webhook?: WebhookEndpoint | undefined
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

/** Creates the tasks of orders. */
export interface OrderWriter {
  /**
   * Finds the task that answers an order, by key or by track, or inserts `task` if the order is admitted, with its first
   * check at `dueAtMs`. A key of a refused order leads to no task, unless it was confirmed. A key that leads to a queued
   * order is confirmed at once. An order that is not admitted yet takes no lock, unless its key has to be stored.
   *
   * An inserted task takes what its order claims from the owner's budgets in the same write, or is not inserted. `replace`
   * gives it back when the order turns out not to be charged.
   */
  createOrder(order: {
    readonly task: Task
    readonly key: IdempotencyKey | null
    readonly dueAtMs: number
    /**
     * Whether an earlier task for the same track answers the order; null if the order needs a task of its own. The newest
     * task that does is joined. Not called for refused tasks.
     */
    readonly canJoin: ((earlier: Task) => boolean) | null
    /** Whether the order may be inserted if no earlier task answers it. */
    readonly isAdmitted: boolean
    /** At most one claim on each counter. Default: none. */
    readonly claims?: readonly BudgetClaim[]
    /** The endpoint that is told of the task, also of one that answers the order: of that at once, if it is settled. */
    readonly webhook?: WebhookEndpoint | undefined
    /** The messages that an inserted order causes. `used`: what each counter has with it, in the order of the claims. */
    readonly messages?: (used: readonly number[]) => readonly WebhookDraft[]
  }): Promise<OrderResult>
  /** Makes a key lead to the task for good, even if the provider refuses the order after all. */
  confirmKey(task: Task, key: string): Promise<void>
}

/** Reads the budgets of callers. */
export interface BudgetReader {
  /** What each counter of the owner has now. */
  budgetsUsed(owner: string, counters: readonly BudgetCounter[]): Promise<readonly number[]>
}

/** Finds the orders that wait to be sent. A task leaves them when `record` reports that it is sent or refused. */
export interface OrderQueueReader {
  /** The owners that have queued orders at this provider, in a fixed order, at most `limit`. An empty `after`: from the first. */
  queuedOwners(
    provider: ProviderName,
    page: { readonly after: string; readonly limit: number },
  ): Promise<readonly string[]>
  /** The oldest queued orders of an owner at this provider, oldest first, at most `limit`. */
  queuedOrders(provider: ProviderName, owner: string, limit: number): Promise<readonly Task[]>
}

/** Stores tasks that were not ordered through this store. */
export interface TaskImporter {
  /**
   * Inserts a task made outside, unless a task is bound to its provider task id already. Returns the task that is bound; null, and
   * inserts nothing, if the task that was bound to it was deleted.
   */
  adopt(task: Task, dueAtMs: number | null, effects?: AdoptionEffects): Promise<Task | null>
  /** Inserts a task that this store has lost, due at once, unless it exists. Returns false if it was deleted: it stays so. */
  restore(task: Task): Promise<boolean>
  /** Whether the task was deleted. */
  isDeleted(taskId: string): Promise<boolean>
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

/** Schedules the checks of tasks and leases due tasks to gateways. A callback makes its task due. */
export interface CheckQueue extends Omit<DueQueue<Task>, 'leaseDue'> {
  /** As `DueQueue.leaseDue`, of one provider: tasks with callbacks first, then those that are due longest. */
  leaseDue(provider: ProviderName, nowMs: number, leaseUntilMs: number, limit: number): Promise<readonly Task[]>
  /** Ends all leases: their tasks are due at once. Only for a database that no other gateway uses. */
  releaseAllLeases(): Promise<void>
}

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

/** Finds tasks to delete, and deletes them. */
export interface TaskDeleter {
  /**
   * Looks at the next `limit` tasks by id that were stored before a time, and returns the expired ones: those that are settled, are
   * no charge that nobody could confirm, and to which nothing has happened since then, nor should have. `lastId` is the last id
   * that was looked at; null at the end.
   */
  findExpired(page: {
    readonly after: string
    /** In milliseconds since 1970. */
    readonly beforeMs: number
    readonly limit: number
  }): Promise<{ readonly tasks: readonly DeletableTask[]; readonly lastId: string | null }>
  /** The next tasks of an owner, oldest first, whatever their state. */
  deletableOf(
    owner: string,
    page: { readonly after: TaskCursor | null; readonly limit: number },
  ): Promise<readonly DeletableTask[]>
  /** The number of tasks of an owner, and how many of them are pending. */
  countOwned(owner: string): Promise<{ readonly tasks: number; readonly pending: number }>
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

/** Lets one gateway of a database do some work at a time. */
export interface WorkLeases {
  /**
   * Takes the lease of this name until `untilMs`, unless it is held until after `nowMs`. Nobody has to give it back: what ends it
   * early is `extendLease` to an earlier time. Times are milliseconds since 1970.
   */
  takeLease(name: string, nowMs: number, untilMs: number): Promise<boolean>
  /** Changes the end of a lease that is held. Returns false if somebody else has taken it. */
  extendLease(name: string, untilMs: number, newUntilMs: number): Promise<boolean>
}

/** What is known of the file of a stem from having read it. null: not known yet. */
export interface StemFacts {
  readonly sizeBytes: number | null
  /** Such as `mp3`. */
  readonly format: string | null
  readonly durationSeconds: number | null
}

/** A file of a stem, by the provider's address of it. */
export interface StemFileRef {
  readonly taskId: string
  /** See `stemName`. */
  readonly stem: string
  readonly url: string
}

/** The stored facts of a file. */
export interface StemFile extends StemFileRef, StemFacts {}

/**
 * Stores facts of files beside the tasks. They are no part of a task and change no revision: what is known of the file at an
 * address never changes, it is only added.
 */
export interface StemFileStore {
  /** What is stored of these files, in any order; nothing for a file of which nothing is known. One read for all of them. */
  stemFiles(files: readonly StemFileRef[]): Promise<readonly StemFile[]>
  /** Adds what is not stored yet. Facts of another address of the stem are replaced. */
  learnStemFile(file: StemFile): Promise<void>
}

/** Stores the waveforms of files, which are computed once. */
export interface StemPeaksStore {
  /** null: the file cannot be decoded; undefined: not stored. */
  stemPeaks(file: StemFileRef): Promise<Uint8Array | null | undefined>
  saveStemPeaks(file: StemFileRef, peaks: Uint8Array | null): Promise<void>
}

/** Keeps secrets that the gateways of one database share. */
export interface SecretStore {
  /** The secret of that name. `make` creates it if there is none. */
  secret(name: string, make: () => string): Promise<string>
}

/**
 * Stores tasks, keys and callbacks. Every method is atomic, and its effect is durable when it resolves. Every method rejects
 * with StoreUnavailableError if the store cannot do its work now.
 */
export interface Store
  extends
    Clock,
    TaskReader,
    RecordStore,
    OrderWriter,
    BudgetReader,
    OrderQueueReader,
    TaskImporter,
    CallbackInbox,
    CheckQueue,
    StemFileStore,
    StemPeaksStore,
    TaskDeleter,
    WorkLeases,
    SecretStore {
  readonly archive: ArchiveQueue
  readonly webhooks: WebhookQueue
  readonly operator: OperatorStore
  /** Counts the providers' rates for all gateways of the store; null if it has only one. */
  readonly rateCounter: RateCounter | null
  /** Resolves if the store can be written to now. */
  checkWritable(): Promise<void>
  close(): Promise<void>
}
