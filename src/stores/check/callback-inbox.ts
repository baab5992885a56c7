import type { Insertable, Kysely } from 'kysely'
import { typeidUnboxed } from 'typeid-js'
import { hasStems } from '../../separation/task/report.ts'
import type { DatabaseTraits } from '../database/database-traits.ts'
import { dueAfterCallback, isLeaseHeld, type Schedule } from './check-queue.ts'
import { dueNow, type Database } from '../database/tables.ts'
import { firstRowOf, rowsOf, rowsWrittenBy, type Job } from '../database/job.ts'
import { prepareQuery, type Placeholder } from '../database/prepared-query.ts'
import { parseStoredReport, parseStoredTask } from '../task/stored-task.ts'
import type {
  CallbackInbox,
  CallbackTask,
  SavedCallback,
  SaveCallbackOptions,
} from '../../separation/store/callback-inbox.ts'

/** The maximum number of callbacks kept per task. Every check of the task reads all of them. */
const maxCallbacksPerTask = 20

/** Stores and reads the callbacks of a task. */
export function createCallbackInbox(
  db: Kysely<Database>,
  { read, transact, hasRowLocks }: DatabaseTraits,
): CallbackInbox {
  const selectTask = prepareQuery((value: Placeholder<{ taskId: string }>) =>
    db
      .selectFrom('tasks')
      .select(['provider', 'task', 'due_at', 'callback_at', 'lease_until'])
      .where('id', '=', value('taskId'))
      // Callbacks of one task are saved one at a time.
      .$if(hasRowLocks, (locked) => locked.forUpdate()),
  )
  const updateSchedule = prepareQuery((value: Placeholder<Schedule & { taskId: string }>) =>
    db
      .updateTable('tasks')
      .set({ due_at: value('due_at'), callback_at: value('callback_at'), lease_until: value('lease_until') })
      .where('id', '=', value('taskId')),
  )
  const insertRow = prepareQuery((value: Placeholder<Insertable<Database['callbacks']>>) =>
    db.insertInto('callbacks').values({
      id: value('id'),
      task_id: value('task_id'),
      received_at: value('received_at'),
      provider_task_id: value('provider_task_id'),
      payload: value('payload'),
      rank: value('rank'),
    }),
  )
  const deleteSurplus = prepareQuery((value: Placeholder<{ taskId: string }>) =>
    db
      .deleteFrom('callbacks')
      .where('task_id', '=', value('taskId'))
      .where('id', 'not in', (eb) =>
        eb
          .selectFrom('callbacks')
          .select('id')
          .where('task_id', '=', value('taskId'))
          .orderBy('rank', 'desc')
          .orderBy('received_at', 'desc')
          .orderBy('id', 'desc')
          .limit(maxCallbacksPerTask),
      ),
  )
  const selectCallbacks = prepareQuery((value: Placeholder<{ taskId: string }>) =>
    db
      .selectFrom('callbacks')
      .select(['id', 'received_at', 'provider_task_id', 'payload'])
      .where('task_id', '=', value('taskId'))
      .orderBy('received_at')
      .orderBy('id'),
  )

  return {
    saveCallback(callback, options = {}) {
      const id = typeidUnboxed('cb')
      return transact(function* () {
        const saved = yield* makeDue(callback, options)
        if (saved !== null) yield* insertCallback(id, callback)
        return saved
      })
    },

    savedCallbacks: (taskId) =>
      read(function* () {
        const rows = yield* rowsOf(selectCallbacks({ taskId }))
        return rows.map(({ received_at, provider_task_id, payload }) => ({
          taskId,
          receivedAtMs: received_at,
          providerTaskId: provider_task_id,
          report: payload === null ? null : parseStoredReport(payload),
        }))
      }),
  }

  /** Makes the task of the callback due, and leases it if that is asked for. null if there is no such task. */
  function* makeDue(
    { taskId, receivedAtMs }: SavedCallback,
    { provider, leaseUntilMs }: SaveCallbackOptions,
  ): Job<CallbackTask | null> {
    const row = yield* firstRowOf(selectTask({ taskId }))
    if (row === undefined || row.provider !== (provider ?? row.provider)) return null
    const task = parseStoredTask(row.task)
    const schedule = dueAfterCallback(row, receivedAtMs)
    const isLeased = leaseUntilMs !== undefined && schedule.due_at === dueNow && !isLeaseHeld(row, receivedAtMs)
    const lease = isLeased ? { due_at: leaseUntilMs, lease_until: leaseUntilMs } : {}
    yield* rowsWrittenBy(updateSchedule({ ...schedule, ...lease, taskId }))
    return { task, isLeased }
  }

  /** Inserts the callback unless an equal one exists, and deletes the callbacks beyond the limit. */
  function* insertCallback(id: string, callback: SavedCallback): Job<void> {
    const { taskId, receivedAtMs, providerTaskId } = callback
    const payload = callback.report === null ? null : JSON.stringify(callback.report)
    // A task has few callbacks.
    const stored = yield* rowsOf(selectCallbacks({ taskId }))
    const equal = stored.find((row) => row.provider_task_id === providerTaskId && row.payload === payload)
    if (equal !== undefined) {
      // The clock may have been set back: a repeated payload must not extend its grace period.
      if (receivedAtMs < equal.received_at) {
        yield* rowsWrittenBy(db.updateTable('callbacks').set({ received_at: receivedAtMs }).where('id', '=', equal.id))
      }
      return
    }
    yield* rowsWrittenBy(
      insertRow({
        id,
        task_id: taskId,
        received_at: receivedAtMs,
        provider_task_id: providerTaskId,
        payload,
        rank: rankOf(callback),
      }),
    )
    if (stored.length >= maxCallbacksPerTask) yield* rowsWrittenBy(deleteSurplus({ taskId }))
  }
}

/** Only a result displaces a result, and an unreadable payload displaces no readable one: unreadable ones are easiest to forge. */
function rankOf({ report }: SavedCallback): number {
  if (report === null) return 0
  return hasStems(report) ? 2 : 1
}
