import type { Told } from './report.ts'
import type { Charge, FailureCode, ProviderName, Refusal, SeparationStatus, SeparationType, Task } from './task.ts'

/** A vendor of the REST API. Neither verb ever throws: what went wrong is part of the answer. */
export interface Provider {
  readonly name: ProviderName
  /** How long the provider keeps the files after success. */
  readonly retentionMs: number
  /**
   * Asks for a slot for one order, before it is written down. Who is admitted submits once, or gives the slot back. Answers
   * at once: a transaction of the store's may be open.
   */
  admit(order: OrderedTrack): Promise<Admission>
  /** Orders and thereby pays. Sent at most once; nothing may repeat it. */
  submit(order: ProviderOrder): Promise<SubmitAnswer>
  /**
   * Asks record-info; waits for its turn within the provider's rate.
   * @param onTurn called when the turn has come
   */
  check(providerTaskId: string, onTurn?: () => void): Promise<CheckAnswer>
}

/** What is ordered, and for whom. The owner is never told to the provider. */
export interface OrderedTrack {
  readonly owner: string
  readonly musicTaskId: string
  readonly audioId: string
}

export interface ProviderOrder extends OrderedTrack {
  readonly type: SeparationType
  readonly callbackUrl: string
}

export type Admission =
  | { readonly kind: 'admitted'; readonly giveBack: () => void }
  | {
      readonly kind: 'not-admitted'
      readonly refusal: Refusal
      /** null if waiting is not worth it. */
      readonly wait: SlotWait | null
    }

/** Waiting for a slot. Times are those of performance.now(). */
export interface SlotWait {
  /** When there is a slot for the order, as far as is known now. */
  readonly freeAtMs: number
  /** Waits in the caller's queue until then at the latest. */
  readonly until: (untilMs: number) => Promise<Admission>
}

export type SubmitAnswer =
  /** Charged. The id is null if the provider named one that cannot be kept (see `isProviderId`). */
  | { readonly kind: 'accepted'; readonly providerTaskId: string | null }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** Nothing that was heard tells whether the order was taken, so it may have been charged. */
  | { readonly kind: 'unknown'; readonly cause: string }

export type CheckAnswer =
  | {
      readonly kind: 'seen'
      readonly told: Told
      /** The callback URL that record-info echoes; null where it echoes none. It holds a secret. */
      readonly callbackUrl: string | null
      readonly createdAtMs: number | null
    }
  /** The provider knows no such task, or does not show it yet. */
  | { readonly kind: 'not-visible' }
  /** The provider could not be read, or said nothing that can be used; says nothing about the task. */
  | {
      readonly kind: 'no-news'
      readonly cause: string
      /** The provider did answer about this task, in words that nobody knows: its wait may end. */
      readonly isAnswer?: true | undefined
    }

/** What a callback address says of its order, for a store that has forgotten it. */
export interface AddressedOrder {
  readonly taskId: string
  readonly provider: ProviderName
  readonly owner: string
  readonly type: SeparationType | null
  /** null, as `audioId`, where the address had no room for the track. */
  readonly musicTaskId: string | null
  readonly audioId: string | null
}

/** Makes and recognises the addresses at which providers call us back. */
export interface CallbackAddresses {
  /** The address of one task. It holds the task's secret: give it to the provider alone. */
  urlOf(task: Pick<Task, 'id' | 'provider' | 'owner' | 'type' | 'musicTaskId' | 'audioId'>): string
  /** The task to which an address belongs that only we can have made; null for any other address. */
  taskOf(url: string): string | null
  /** What an address that only we can have made says of its order; null for any other address. */
  orderOf(url: string): AddressedOrder | null
  /** The task that an address names, whether it proves it or not, as where its token was masked; null if it names none. */
  namedIn(url: string): string | null
}

/** Tells the readers in waiting that a task has changed. Carries ids alone, and is a hint alone: the store is the truth. */
export interface Changes {
  publish(taskId: string): void
  /** Calls `listener` at every change of the task until the returned function is called. */
  listen(taskId: string, listener: () => void): () => void
}

/** An idempotency key of one caller, and what it was first used for. */
export interface Key {
  readonly owner: string
  readonly key: string
  /** The input as it was given; the same key with another input is a conflict. */
  readonly fingerprint: string
}

export type Placed =
  | { readonly kind: 'new'; readonly task: Task }
  /** An earlier task answers the order. */
  | { readonly kind: 'joined'; readonly task: Task }
  /** The key was used before, for something else. */
  | { readonly kind: 'conflict'; readonly task: Task }
  /** Nothing answers the order, and it may not be inserted. */
  | { readonly kind: 'not-admitted' }

export type PlacedTask = Exclude<Placed, { readonly kind: 'not-admitted' }>

/** A callback as it was received. */
export interface CallbackNote {
  readonly taskId: string
  readonly receivedAtMs: number
  /** The provider's id that it names: what to ask for while the task has none of its own. */
  readonly providerTaskId: string | null
  /** Its words; null if they cannot be read or not be trusted, and only mean that somebody should ask the provider. */
  readonly told: Told | null
}

/** Which tasks to list: those that fit all that is given. Of `status`, `charge` and `failureCode` one value has to fit. */
export interface Filter {
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
export interface Cursor {
  readonly createdAtMs: number
  readonly id: string
}

export interface Page {
  readonly where: Filter
  /** Only tasks behind this place. */
  readonly after?: Cursor | undefined
  /** Only tasks before this place. */
  readonly before?: Cursor | undefined
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
  place(order: {
    readonly task: Task
    readonly key: Key | null
    readonly dueAtMs: number
    /**
     * Whether an earlier task for the same track may answer the order; null if it must be a new one. The newest that may
     * does. Asked of no task that was refused.
     */
    readonly canJoin: ((earlier: Task) => boolean) | null
    /** Asked, perhaps more than once, when no earlier task answers the order: whether it may be inserted. */
    readonly isAdmitted: () => Promise<boolean>
  }): Promise<Placed>
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
  list(owner: string, page: Page): Promise<readonly Task[]>
  /** The pending orders of a provider that are bound to no id yet, the newest first; at most `limit`. */
  unanswered(provider: ProviderName, limit: number): Promise<readonly Task[]>
  /** How many pending tasks each provider has; none where it has none. */
  countPending(): Promise<ReadonlyMap<ProviderName, number>>
  /** Makes a key that leads to the task do so for good, even if the provider turns out to have refused the order. */
  handOut(task: Task, key: string): Promise<void>
  /**
   * Writes the callback down and makes the task due at once; within two seconds of another callback, when these are over.
   * Of equal payloads one note is kept, with the time of the first; of many notes of a task the newest twenty, results
   * before anything else.
   */
  note(note: CallbackNote): Promise<void>
  /** The callbacks noted for the task, oldest first. */
  notes(taskId: string): Promise<readonly CallbackNote[]>
  /**
   * Takes up to `limit` due tasks of a provider, those with callbacks before the others, longest due first, which nobody
   * else is then given before `leaseUntilMs`.
   */
  claimDue(provider: ProviderName, nowMs: number, leaseUntilMs: number, limit: number): Promise<readonly Task[]>
  /** Makes a claim of these tasks last until `laterMs`, where it has not ended yet. */
  renew(taskIds: readonly string[], leaseUntilMs: number, laterMs: number): Promise<void>
  /** Ends a claim: the task is due next at `dueAtMs`, or never for null, unless a callback made it due meanwhile. */
  release(taskId: string, leaseUntilMs: number, dueAtMs: number | null): Promise<void>
  /** Ends every claim, whoever holds it: the tasks are due at once. For a database that nobody else uses. */
  freeLeases(): Promise<void>
  /** The secret of that name, made by `make` and kept if there is none yet. */
  secret(name: string, make: () => string): Promise<string>
  /** Writes something that means nothing: resolves if an order could be written now. */
  tryWriting(): Promise<void>
  close(): Promise<void>
}

/** Where the gateway tells its operator what happens. */
export interface Log {
  debug(detail: object, message: string): void
  info(detail: object, message: string): void
  warn(detail: object, message: string): void
  error(detail: object, message: string): void
}
