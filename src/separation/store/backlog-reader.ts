import type { ProviderName } from '../task/provider-name.ts'

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

/** Reads how much waits. */
export interface BacklogReader {
  /**
   * What waits, by provider: no entry for one for which nothing does.
   * @param overdueBeforeMs a task whose check was due before this time is overdue, in milliseconds since 1970
   */
  backlog(overdueBeforeMs: number): Promise<ReadonlyMap<ProviderName, Backlog>>
}
