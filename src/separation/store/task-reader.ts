import type { Charge, Task } from '../task/task.ts'
import type { FailureCode } from '../task/failure.ts'
import type { ProviderName } from '../task/provider-name.ts'
import type { SeparationStatus } from '../task/task-status.ts'
import type { SeparationType } from '../task/separation-type.ts'

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

/** Reads tasks. A cache may stand in front of it, but never in front of `RecordStore`. */
export interface TaskReader {
  /** The tasks with these ids, in any order. One read for all of them. */
  find(ids: readonly string[]): Promise<readonly Task[]>
  /** The tasks bound to these provider task ids. One read for all of them. */
  findBound(ids: readonly { provider: ProviderName; providerTaskId: string }[]): Promise<readonly Task[]>
  /** Rejects with TooManyMatchesError if `referencePrefix` matches more tasks than can be sorted quickly. */
  list(owner: string, page: TaskPage): Promise<readonly Task[]>
  /** The number of tasks that match the filter, but at most `limit`. */
  count(owner: string, where: TaskFilter, limit: number): Promise<number>
  /** The pending orders of a provider that are not bound yet, newest first, at most `limit`. */
  findUnbound(provider: ProviderName, limit: number): Promise<readonly Task[]>
}
