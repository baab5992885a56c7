import { sql, type Kysely, type SqlBool, type Transaction } from 'kysely'
import { typeidUnboxed } from 'typeid-js'
import { readCommittedTransaction, type DatabaseTraits } from './database-traits.ts'
import { dueAfterCallback } from './check-queue.ts'
import type { Database } from './schema.ts'
import { parseStoredReport } from './stored-task.ts'
import type { SavedCallback, Store } from '../separation/store.ts'

/** The maximum number of callbacks kept per task. Every check of the task reads all of them. */
const maxCallbacksPerTask = 20

/** Stores and reads the callbacks of a task. */
export type CallbackInbox = Pick<Store, 'saveCallback' | 'savedCallbacks'>

export function createCallbackInbox(db: Kysely<Database>, { attempt }: DatabaseTraits): CallbackInbox {
  return {
    saveCallback(callback) {
      const id = typeidUnboxed('cb')
      return attempt(() =>
        readCommittedTransaction(db).execute(async (trx) => {
          // Update the task first: this locks its row, so that callbacks of one task are saved one at a time.
          await trx
            .updateTable('tasks')
            .set(dueAfterCallback(callback.receivedAtMs))
            .where('id', '=', callback.taskId)
            .execute()
          await insertCallback(trx, id, callback)
        }),
      )
    },

    savedCallbacks: (taskId) =>
      attempt(async () => {
        const rows = await db
          .selectFrom('callbacks')
          .select(['received_at', 'provider_task_id', 'payload'])
          .where('task_id', '=', taskId)
          .orderBy('received_at')
          .orderBy('id')
          .execute()
        return rows.map(({ received_at, provider_task_id, payload }) => ({
          taskId,
          receivedAtMs: received_at,
          providerTaskId: provider_task_id,
          report: payload === null ? null : parseStoredReport(payload),
        }))
      }),
  }
}

/** Inserts the callback unless an equal one exists, and deletes the callbacks beyond the limit. */
async function insertCallback(trx: Transaction<Database>, id: string, callback: SavedCallback): Promise<void> {
  const { taskId, receivedAtMs, providerTaskId } = callback
  const payload = callback.report === null ? null : JSON.stringify(callback.report)
  const equal = await trx
    .selectFrom('callbacks')
    .select(['id', 'received_at'])
    .where('task_id', '=', taskId)
    .where(matches('provider_task_id', providerTaskId))
    .where(matches('payload', payload))
    .executeTakeFirst()
  if (equal !== undefined) {
    // The clock may have been set back: a repeated payload must not extend its grace period.
    if (receivedAtMs < equal.received_at) {
      await trx.updateTable('callbacks').set({ received_at: receivedAtMs }).where('id', '=', equal.id).execute()
    }
    return
  }
  await trx
    .insertInto('callbacks')
    .values({
      id,
      task_id: taskId,
      received_at: receivedAtMs,
      provider_task_id: providerTaskId,
      payload,
      rank: rankOf(callback),
    })
    .execute()
  const kept = trx
    .selectFrom('callbacks')
    .select('id')
    .where('task_id', '=', taskId)
    .orderBy('rank', 'desc')
    .orderBy('received_at', 'desc')
    .orderBy('id', 'desc')
    .limit(maxCallbacksPerTask)
  await trx.deleteFrom('callbacks').where('task_id', '=', taskId).where('id', 'not in', kept).execute()
}

/** Only a result displaces a result, and an unreadable payload displaces no readable one: unreadable ones are easiest to forge. */
function rankOf({ report }: SavedCallback): number {
  if (report === null) return 0
  return report.outcome.state === 'succeeded' && report.outcome.stems.length > 0 ? 2 : 1
}

function matches(column: 'provider_task_id' | 'payload', value: string | null) {
  return value === null ? sql<SqlBool>`${sql.ref(column)} is null` : sql<SqlBool>`${sql.ref(column)} = ${value}`
}
