import { sql, type Kysely, type Selectable, type SqlBool, type Transaction } from 'kysely'
import { providerNames } from '../separation/task.ts'
import { readCommittedTransaction, type DatabaseTraits } from './database-traits.ts'
import type { Database } from './schema.ts'
import { parseStoredPage } from './stored-task.ts'
import type { LeaseEnd, Store } from '../separation/store.ts'

/** Due before every task that has a scheduled time. */
export const dueNow = 0
/** The minimum time between two checks of a task that callbacks trigger, in milliseconds. */
const minCallbackIntervalMs = 2_000

/** Checks within this time after a callback come before regular checks, in milliseconds. */
const callbackPriorityMs = 60_000
const hasRecentCallback = sql<SqlBool>`callback_at is not null and due_at <= callback_at + ${sql.lit(callbackPriorityMs)}`

/** Schedules the checks of tasks and leases due tasks to a gateway. */
export type CheckQueue = Pick<Store, 'leaseDue' | 'renew' | 'release' | 'releaseAllLeases'>

export function createCheckQueue(db: Kysely<Database>, { attempt, hasRowLocks }: DatabaseTraits): CheckQueue {
  return {
    async leaseDue(provider, nowMs, leaseUntilMs, limit) {
      const lease = (maxTasks: number, onlyWithCallback: boolean) =>
        attempt(async () => {
          const rows = await db
            // Without `materialized`, PostgreSQL may run the subquery more than once and lease more than the limit.
            .with(
              (cte) => cte('due').materialized(),
              (qc) =>
                qc
                  .selectFrom('tasks')
                  .select('id')
                  .where('provider', '=', provider)
                  .where('due_at', '<=', nowMs)
                  .$if(onlyWithCallback, (due) => due.where(hasRecentCallback))
                  .orderBy('due_at')
                  .limit(maxTasks)
                  .$if(hasRowLocks, (due) => due.forUpdate().skipLocked()),
            )
            .updateTable('tasks')
            .set({ due_at: leaseUntilMs, lease_until: leaseUntilMs })
            .where('id', 'in', (eb) => eb.selectFrom('due').select('id'))
            .returning('task')
            .execute()
          // An unreadable task keeps its lease: a newer gateway may be able to read it later.
          return parseStoredPage(rows)
        })
      // Tasks with a callback go first: their payload must be confirmed within seconds, however many other tasks are due.
      const withCallback = await lease(limit, true)
      return withCallback.length < limit
        ? [...withCallback, ...(await lease(limit - withCallback.length, false))]
        : withCallback
    },

    renew: (taskIds, leaseUntilMs, laterMs) =>
      attempt(async () => {
        if (taskIds.length === 0) return
        await db
          .updateTable('tasks')
          .set({ due_at: laterMs, lease_until: laterMs })
          .where('id', 'in', taskIds)
          .where('due_at', '=', leaseUntilMs)
          .execute()
      }),

    release: (taskId, leaseUntilMs, dueAtMs) =>
      attempt(() => readCommittedTransaction(db).execute((trx) => endLease(trx, taskId, { leaseUntilMs, dueAtMs }))),

    releaseAllLeases: () =>
      attempt(async () => {
        await db
          .updateTable('tasks')
          .set({ due_at: dueNow, lease_until: null })
          .where('provider', 'in', providerNames)
          // The two are equal exactly while a lease is held: everything that ends a lease changes due_at.
          .whereRef('due_at', '=', 'lease_until')
          .execute()
      }),
  }
}

/** See `CheckQueue.release`. */
export async function endLease(
  trx: Transaction<Database>,
  taskId: string,
  { leaseUntilMs, dueAtMs }: LeaseEnd,
): Promise<void> {
  const { numUpdatedRows } = await trx
    .updateTable('tasks')
    .set({ due_at: dueAtMs })
    .where('id', '=', taskId)
    .where('due_at', '=', leaseUntilMs)
    .executeTakeFirst()
  const isFinished = dueAtMs === null && numUpdatedRows > 0n
  if (isFinished) await trx.deleteFrom('callbacks').where('task_id', '=', taskId).execute()
}

type Schedule = Pick<Selectable<Database['tasks']>, 'due_at' | 'callback_at' | 'lease_until'>

/**
 * Makes the task due now, or `minCallbackIntervalMs` after the last callback that did. Always changes `due_at`: `release`
 * compares it with the lease, so that releasing a task keeps it due if a callback arrived meanwhile.
 */
export function dueAfterCallback({ due_at, callback_at, lease_until }: Schedule, receivedAtMs: number): Schedule {
  // A callback_at in the future means that the clock was set back.
  const isAllowed =
    callback_at === null || callback_at <= receivedAtMs - minCallbackIntervalMs || callback_at > receivedAtMs
  if (isAllowed) return { due_at: dueNow, callback_at: receivedAtMs, lease_until }
  return { due_at: due_at === dueNow ? dueNow : callback_at + minCallbackIntervalMs, callback_at, lease_until }
}

/** Whether the lease of a task is held. The two are equal exactly until it ends: everything that ends a lease changes `due_at`. */
export function isLeaseHeld({ due_at, lease_until }: Schedule, nowMs: number): boolean {
  return due_at !== null && due_at === lease_until && lease_until > nowMs
}
