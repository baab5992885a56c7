import { sql, type Kysely, type SqlBool } from 'kysely'
import { typeidUnboxed } from 'typeid-js'
import type { DatabaseTraits } from './database-traits.ts'
import { dueAfterCallback, dueNow, isLeaseHeld } from './check-queue.ts'
import { firstRowOf, rowsOf, rowsWrittenBy, type Job } from './job.ts'
import type { Database } from './schema.ts'
import { parseStoredReport, parseStoredTask } from './stored-task.ts'
import type { CallbackTask, SavedCallback, SaveCallbackOptions, Store } from '../separation/store.ts'

/** The maximum number of callbacks kept per task. Every check of the task reads all of them. */
const maxCallbacksPerTask = 20

/** Stores and reads the callbacks of a task. */
export type CallbackInbox = Pick<Store, 'saveCallback' | 'savedCallbacks'>

export function createCallbackInbox(
  db: Kysely<Database>,
  { read, transact, hasRowLocks }: DatabaseTraits,
): CallbackInbox {
  return {
    saveCallback(callback, options = {}) {
      const id = typeidUnboxed('cb')
      return transact(function* () {
        const saved = yield* makeDue(db, callback, options, hasRowLocks)
        if (saved !== null) yield* insertCallback(db, id, callback)
        return saved
      })
    },

    savedCallbacks: (taskId) =>
      read(function* () {
        const rows = yield* rowsOf(
          db
            .selectFrom('callbacks')
            .select(['received_at', 'provider_task_id', 'payload'])
            .where('task_id', '=', taskId)
            .orderBy('received_at')
            .orderBy('id'),
        )
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
function* makeDue(
  db: Kysely<Database>,
  { taskId, receivedAtMs }: SavedCallback,
  { provider, leaseUntilMs }: SaveCallbackOptions,
  hasRowLocks: boolean,
): Job<CallbackTask | null> {
  const row = yield* firstRowOf(
    db
      .selectFrom('tasks')
      .select(['provider', 'task', 'due_at', 'callback_at', 'lease_until'])
      .where('id', '=', taskId)
      // Callbacks of one task are saved one at a time.
      .$if(hasRowLocks, (locked) => locked.forUpdate()),
  )
  if (row === undefined || row.provider !== (provider ?? row.provider)) return null
  const task = parseStoredTask(row.task)
  const schedule = dueAfterCallback(row, receivedAtMs)
  const isLeased = leaseUntilMs !== undefined && schedule.due_at === dueNow && !isLeaseHeld(row, receivedAtMs)
  yield* rowsWrittenBy(
    db
      .updateTable('tasks')
      .set(isLeased ? { ...schedule, due_at: leaseUntilMs, lease_until: leaseUntilMs } : schedule)
      .where('id', '=', taskId),
  )
  return { task, isLeased }
}

/** Inserts the callback unless an equal one exists, and deletes the callbacks beyond the limit. */
function* insertCallback(db: Kysely<Database>, id: string, callback: SavedCallback): Job<void> {
  const { taskId, receivedAtMs, providerTaskId } = callback
  const payload = callback.report === null ? null : JSON.stringify(callback.report)
  const equal = yield* firstRowOf(
    db
      .selectFrom('callbacks')
      .select(['id', 'received_at'])
      .where('task_id', '=', taskId)
      .where(matches('provider_task_id', providerTaskId))
      .where(matches('payload', payload)),
  )
  if (equal !== undefined) {
    // The clock may have been set back: a repeated payload must not extend its grace period.
    if (receivedAtMs < equal.received_at) {
      yield* rowsWrittenBy(db.updateTable('callbacks').set({ received_at: receivedAtMs }).where('id', '=', equal.id))
    }
    return
  }
  yield* rowsWrittenBy(
    db.insertInto('callbacks').values({
      id,
      task_id: taskId,
      received_at: receivedAtMs,
      provider_task_id: providerTaskId,
      payload,
      rank: rankOf(callback),
    }),
  )
  const kept = db
    .selectFrom('callbacks')
    .select('id')
    .where('task_id', '=', taskId)
    .orderBy('rank', 'desc')
    .orderBy('received_at', 'desc')
    .orderBy('id', 'desc')
    .limit(maxCallbacksPerTask)
  yield* rowsWrittenBy(db.deleteFrom('callbacks').where('task_id', '=', taskId).where('id', 'not in', kept))
}

/** Only a result displaces a result, and an unreadable payload displaces no readable one: unreadable ones are easiest to forge. */
function rankOf({ report }: SavedCallback): number {
  if (report === null) return 0
  return report.outcome.state === 'succeeded' && report.outcome.stems.length > 0 ? 2 : 1
}

function matches(column: 'provider_task_id' | 'payload', value: string | null) {
  return value === null ? sql<SqlBool>`${sql.ref(column)} is null` : sql<SqlBool>`${sql.ref(column)} = ${value}`
}
