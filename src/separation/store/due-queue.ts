/** Schedules work on tasks and leases it to gateways. Each item has the id of its task. */
export interface DueQueue<Item> {
  /** Leases up to `limit` due items until `leaseUntilMs`. A leased item is given to nobody else. */
  leaseDue(nowMs: number, leaseUntilMs: number, limit: number): Promise<readonly Item[]>
  /** Extends the leases of these tasks from `leaseUntilMs` to `laterMs`, where they have not ended. */
  renew(taskIds: readonly string[], leaseUntilMs: number, laterMs: number): Promise<void>
  /** Ends a lease. The task is next due at `dueAtMs` (null: never), unless something has made it due meanwhile. */
  release(taskId: string, leaseUntilMs: number, dueAtMs: number | null): Promise<void>
}
