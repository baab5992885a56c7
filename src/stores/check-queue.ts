import { sql, type Kysely } from 'kysely'
import { providerNames } from '../separation/task.ts'
import { readCommittedTransaction, type DatabaseTraits } from './database-traits.ts'
import type { Database } from './schema.ts'
import { parseStoredPage } from './stored-task.ts'
import type { Store } from '../separation/store.ts'

/** Due before everything that waits for its usual turn. */
export const dueNow = 0
/** However many callbacks come, they have the provider asked for a task no more often, in milliseconds. */
const callbackRestMs = 2_000

/** When a task is due, and who claims it. */
export type CheckQueue = Pick<Store, 'leaseDue' | 'renew' | 'release' | 'releaseAllLeases'>

export function createCheckQueue(db: Kysely<Database>, { attempt, supportsSkipLocked }: DatabaseTraits): CheckQueue {
  return {
    async leaseDue(provider, nowMs, leaseUntilMs, limit) {
      const lease = (most: number, onlyWithCallback: boolean) =>
        attempt(async () => {
          const rows = await db
            // PostgreSQL might otherwise look for due tasks more than once, and claim more than the limit.
            .with(
              (cte) => cte('due').materialized(),
              (qc) =>
                qc
                  .selectFrom('tasks')
                  .select('id')
                  .where('provider', '=', provider)
                  .where('due_at', '<=', nowMs)
                  .$if(onlyWithCallback, (due) => due.where('callback_at', 'is not', null))
                  .orderBy('due_at')
                  .limit(most)
                  .$if(supportsSkipLocked, (due) => due.forUpdate().skipLocked()),
            )
            .updateTable('tasks')
            .set({ due_at: leaseUntilMs, lease_until: leaseUntilMs })
            .where('id', 'in', (eb) => eb.selectFrom('due').select('id'))
            .returning('task')
            .execute()
          // One that cannot be read keeps its lease: another gateway may understand it.
          return parseStoredPage(rows)
        })
      // The payload of a callback has seconds to be confirmed in, however many tasks wait for their usual turn.
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
      attempt(() =>
        readCommittedTransaction(db).execute(async (trx) => {
          const { numUpdatedRows } = await trx
            .updateTable('tasks')
            .set({ due_at: dueAtMs })
            .where('id', '=', taskId)
            .where('due_at', '=', leaseUntilMs)
            .executeTakeFirst()
          const isDone = dueAtMs === null && numUpdatedRows > 0n
          if (isDone) await trx.deleteFrom('callbacks').where('task_id', '=', taskId).execute()
        }),
      ),

    releaseAllLeases: () =>
      attempt(async () => {
        await db
          .updateTable('tasks')
          .set({ due_at: dueNow, lease_until: null })
          .where('provider', 'in', providerNames)
          // Whatever ends a claim gives the task another time.
          .whereRef('due_at', '=', 'lease_until')
          .execute()
      }),
  }
}

/**
 * Due at once, or, if a callback has just made it so, when that has been a little while ago. Always changes `due_at`:
 * `release` compares it with the lease, and the end of a claim must not take a callback with it that came meanwhile.
 */
export function dueAfterCallback(receivedAtMs: number) {
  // A time that lies ahead was written before the clock was set back.
  const isRested = sql<boolean>`(callback_at is null or callback_at <= ${receivedAtMs - callbackRestMs} or callback_at > ${receivedAtMs})`
  const rested = sql<number>`callback_at + ${callbackRestMs}`
  return {
    due_at: sql<number>`case when ${isRested} then ${dueNow} when due_at = ${dueNow} then ${dueNow} else ${rested} end`,
    callback_at: sql<number>`case when ${isRested} then ${receivedAtMs} else callback_at end`,
  }
}
