import { sql, type ExpressionBuilder, type Kysely } from 'kysely'
import { typeidUnboxed } from 'typeid-js'
import type { Store } from '../separation/ports.ts'
import { transactionOf, type DatabaseWays } from './database-ways.ts'
import type { Database } from './schema.ts'
import { parseStoredTask, parseStoredTold } from './stored-task.ts'

/** Due before everything that waits for its usual turn. */
export const atOnce = 0
/** However many callbacks come, they have the provider asked for a task no more often, in milliseconds. */
const wakeRestMs = 2_000

/** When a task is due, who claims it, and the callbacks that make it so. */
export type DueTasks = Pick<Store, 'note' | 'notes' | 'claimDue' | 'renew' | 'release'>

export function createDueTasks(db: Kysely<Database>, { attempt, skipsLocked }: DatabaseWays): DueTasks {
  return {
    note({ taskId, receivedAtMs, providerTaskId, told }) {
      const id = typeidUnboxed('cb')
      return attempt(() =>
        transactionOf(db).execute(async (trx) => {
          await trx
            .insertInto('callbacks')
            .values({
              id,
              task_id: taskId,
              received_at: receivedAtMs,
              provider_task_id: providerTaskId,
              told: told === null ? null : JSON.stringify(told),
            })
            // It may be there already without anybody having heard of it.
            .onConflict((conflict) => conflict.column('id').doNothing())
            .execute()
          await trx.updateTable('tasks').set(wokenBy(receivedAtMs)).where('id', '=', taskId).execute()
        }),
      )
    },

    notes: (taskId) =>
      attempt(async () => {
        const rows = await db
          .selectFrom('callbacks')
          .select(['received_at', 'provider_task_id', 'told'])
          .where('task_id', '=', taskId)
          .orderBy('received_at')
          .orderBy('id')
          .execute()
        return rows.map(({ received_at, provider_task_id, told }) => ({
          taskId,
          receivedAtMs: received_at,
          providerTaskId: provider_task_id,
          told: told === null ? null : parseStoredTold(told),
        }))
      }),

    claimDue: (provider, nowMs, leaseUntilMs, limit) =>
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
                // The words of a callback have seconds to be confirmed in, however many tasks wait for their usual turn.
                .orderBy(hasCallback, 'desc')
                .orderBy('due_at')
                .limit(limit)
                .$if(skipsLocked, (due) => due.forUpdate().skipLocked()),
          )
          .updateTable('tasks')
          .set({ due_at: leaseUntilMs })
          .where('id', 'in', (eb) => eb.selectFrom('due').select('id'))
          .returning('task')
          .execute()
        return rows.map((row) => parseStoredTask(row.task))
      }),

    renew: (taskIds, leaseUntilMs, laterMs) =>
      attempt(async () => {
        if (taskIds.length === 0) return
        await db
          .updateTable('tasks')
          .set({ due_at: laterMs })
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
  }
}

/**
 * Due at once, or, if a callback has just made it so, when that has been a little while ago. Never left as it was: a claim
 * is known by that time, and its end would take this callback with it.
 */
function wokenBy(receivedAtMs: number) {
  const isRested = sql<boolean>`(woken_at is null or woken_at <= ${receivedAtMs - wakeRestMs})`
  const rested = sql<number>`woken_at + ${wakeRestMs}`
  return {
    due_at: sql<number>`case when ${isRested} then ${atOnce} when due_at = ${atOnce} then ${atOnce} else ${rested} end`,
    woken_at: sql<number>`case when ${isRested} then ${receivedAtMs} else woken_at end`,
  }
}

function hasCallback({ exists, selectFrom }: ExpressionBuilder<Database, 'tasks'>) {
  return exists(selectFrom('callbacks').select('id').whereRef('callbacks.task_id', '=', 'tasks.id'))
}
