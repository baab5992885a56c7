import { sql, type Kysely, type SqlBool, type Transaction } from 'kysely'
import { typeidUnboxed } from 'typeid-js'
import { readCommittedTransaction, type DatabaseTraits } from './database-traits.ts'
import { dueAfterCallback, dueNow, isLeaseHeld } from './check-queue.ts'
import type { Database } from './schema.ts'
import { parseStoredReport, parseStoredTask } from './stored-task.ts'
import type { CallbackTask, SavedCallback, SaveCallbackOptions, Store } from '../separation/store.ts'

/** The maximum number of callbacks kept per task. Every check of the task reads all of them. */
const maxCallbacksPerTask = 20

/** Stores and reads the callbacks of a task. */
export type CallbackInbox = Pick<Store, 'saveCallback' | 'savedCallbacks'>

export function createCallbackInbox(db: Kysely<Database>, { attempt, hasRowLocks }: DatabaseTraits): CallbackInbox {
  return {
    saveCallback(callback, options = {}) {
      const id = typeidUnboxed('cb')
      return attempt(() =>
        readCommittedTransaction(db).execute(async (trx) => {
          const saved = await makeDue(trx, callback, options, hasRowLocks)
          if (saved !== null) await insertCallback(trx, id, callback)
          return saved
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

/** Makes the task of the callback due, and leases it if that is asked for. null if there is no such task. */
async function makeDue(
  trx: Transaction<Database>,
  { taskId, receivedAtMs }: SavedCallback,
  { provider, leaseUntilMs }: SaveCallbackOptions,
  hasRowLocks: boolean,
): Promise<CallbackTask | null> {
  const row = await trx
    .selectFrom('tasks')
    .select(['provider', 'task', 'due_at', 'callback_at', 'lease_until'])
    .where('id', '=', taskId)
    // Callbacks of one task are saved one at a time.
    .$if(hasRowLocks, (locked) => locked.forUpdate())
    .executeTakeFirst()
  if (row === undefined || row.provider !== (provider ?? row.provider)) return null
  const task = parseStoredTask(row.task)
  const schedule = dueAfterCallback(row, receivedAtMs)
  const isLeased = leaseUntilMs !== undefined && schedule.due_at === dueNow && !isLeaseHeld(row, receivedAtMs)
  await trx
    .updateTable('tasks')
    .set(isLeased ? { ...schedule, due_at: leaseUntilMs, lease_until: leaseUntilMs } : schedule)
    .where('id', '=', taskId)
    .execute()
  return { task, isLeased }
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
