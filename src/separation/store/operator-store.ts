import type { Charge, Task } from '../task/task.ts'
import type { ProviderName } from '../task/provider-name.ts'
import type { SeparationStatus } from '../task/task-status.ts'
import type { SeparationType } from '../task/separation-type.ts'

/** Which tasks the operator lists. A task must match every field; of `status`, any one value. */
export interface OperatorFilter {
  readonly provider?: ProviderName | undefined
  readonly status?: readonly SeparationStatus[] | undefined
  readonly charge?: Charge | undefined
  readonly owner?: string | undefined
  /** Only tasks that were created before this time, in milliseconds since 1970. */
  readonly createdBeforeMs?: number | undefined
}

export interface OperatorPage {
  readonly where: OperatorFilter
  /** Only what follows this task in the list. undefined: from its beginning. */
  readonly after?: string | undefined
  readonly limit: number
}

/** A part of a list, newest first. */
export interface OperatorTasks {
  /** At most `limit`. Tasks that only a newer version can read are left out. */
  readonly tasks: readonly Task[]
  /** After which id the list goes on; null at its end. It may go on although few tasks were found: what one read looks at is bounded. */
  readonly next: string | null
}

/** What is stored of a task besides the task itself. Times are milliseconds since 1970. */
export interface TaskRecord {
  readonly task: Task
  /** When the next check is due; 0 means now, null never. */
  readonly dueAtMs: number | null
  /** Until when a gateway holds the lease of the check; null if none does. */
  readonly leaseUntilMs: number | null
  /** The idempotency keys that lead to the task, oldest first. */
  readonly keys: readonly string[]
  /** Its saved callbacks, oldest first. */
  readonly callbacks: readonly {
    readonly receivedAtMs: number
    readonly providerTaskId: string | null
    /** What the callback reports; null if it cannot be parsed or trusted. */
    readonly outcome: 'pending' | 'succeeded' | 'failed' | null
  }[]
  /** What the order has taken from budgets. It is given back once the order is known not to be charged. */
  readonly reserved: readonly { readonly budget: string; readonly amount: number; readonly isGivenBack: boolean }[]
  /** When the archive's work on the task is due; undefined if it has none. */
  readonly archiveDueAtMs?: number | null
}

/** What some orders have cost. */
export interface ChargeCount {
  /** When the window began, in milliseconds since 1970. */
  readonly startMs: number
  readonly owner: string
  readonly provider: ProviderName
  readonly type: SeparationType | null
  readonly charge: Charge
  readonly orders: number
}

/** That a provider gets no new orders. */
export interface Pause {
  readonly provider: ProviderName
  /** The operator's own text; null if none was given. */
  readonly reason: string | null
  /** In milliseconds since 1970. */
  readonly pausedAtMs: number
}

/** A credential of a caller that was let in. */
export interface CallerUse {
  readonly owner: string
  /** Which of the caller's keys: the first 8 hexadecimal digits of its SHA-256. null for a caller without keys. */
  readonly credential: string | null
  /** In milliseconds since 1970. */
  readonly lastUsedAtMs: number
}

/** What the operator's commands read and write, over all callers. */
export interface OperatorStore {
  listAll(page: OperatorPage): Promise<OperatorTasks>
  /** null: there is no such task. */
  findRecord(taskId: string): Promise<TaskRecord | null>
  /** Makes the checks of these tasks due now. Returns the ids of those that exist. */
  makeDue(taskIds: readonly string[]): Promise<readonly string[]>
  /** Counts the orders that were placed in the window, the adopted tasks excepted. Times are milliseconds since 1970; the end is exclusive. */
  countCharges(startMs: number, endMs: number): Promise<readonly ChargeCount[]>
  /** When the oldest task that is stored was stored, in milliseconds since 1970; null if there is none. */
  oldestTaskMs(): Promise<number | null>
  pauses(): Promise<readonly Pause[]>
  /** Replaces an earlier pause of the provider, but not its time. */
  pause(pause: Pause): Promise<void>
  /** Returns whether the provider was paused. */
  resume(provider: ProviderName): Promise<boolean>
  /** All callers that were let in since this was recorded. */
  callers(): Promise<readonly CallerUse[]>
  /** Records that these callers were let in. An earlier time than the stored one changes nothing. */
  recordUse(uses: readonly CallerUse[]): Promise<void>
}
