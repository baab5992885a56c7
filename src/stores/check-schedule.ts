import { sql, type Kysely } from 'kysely'
import { providerNames } from '../separation/task.ts'
import { transactionOf, type DatabaseWays } from './database-traits.ts'
import type { Database } from './schema.ts'
import { parseStoredPage } from './stored-task.ts'
import type { Store } from '../separation/store.ts'

/** Due before everything that waits for its usual turn. */
export const atOnce = 0
/** However many callbacks come, they have the provider asked for a task no more often, in milliseconds. */
const wakeRestMs = 2_000

/** When a task is due, and who claims it. */
export type DueTasks = Pick<Store, 'claimDue' | 'renew' | 'release' | 'freeLeases'>

export function createDueTasks(db: Kysely<Database>, { attempt, skipsLocked }: DatabaseWays): DueTasks {
  return {
    async claimDue(provider, nowMs, leaseUntilMs, limit) {
      const claim = (most: number, onlyCalled: boolean) =>
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
                  .$if(onlyCalled, (due) => due.where('woken_at', 'is not', null))
                  .orderBy('due_at')
                  .limit(most)
                  .$if(skipsLocked, (due) => due.forUpdate().skipLocked()),
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
      const called = await claim(limit, true)
      return called.length < limit ? [...called, ...(await claim(limit - called.length, false))] : called
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
        transactionOf(db).execute(async (trx) => {
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

    freeLeases: () =>
      attempt(async () => {
        await db
          .updateTable('tasks')
          .set({ due_at: atOnce, lease_until: null })
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
export function wokenBy(receivedAtMs: number) {
  // A time that lies ahead was written before the clock was set back.
  const isRested = sql<boolean>`(woken_at is null or woken_at <= ${receivedAtMs - wakeRestMs} or woken_at > ${receivedAtMs})`
  const rested = sql<number>`woken_at + ${wakeRestMs}`
  return {
    due_at: sql<number>`case when ${isRested} then ${atOnce} when due_at = ${atOnce} then ${atOnce} else ${rested} end`,
    woken_at: sql<number>`case when ${isRested} then ${receivedAtMs} else woken_at end`,
  }
}
