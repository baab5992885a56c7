import { sql, type Kysely } from 'kysely'
import type { OperatorStore, TaskRecord } from '../../separation/store/operator-store.ts'
import { providerNames } from '../../separation/task/provider-name.ts'
import { separationTypes } from '../../separation/task/separation-type.ts'
import type { Charge } from '../../separation/task/task.ts'
import { firstTaskIdAt, createdAtMsOf } from '../../separation/task/task-id.ts'
import { isCounted, parseReserved } from '../order/budgets.ts'
import { dueNow, type Database } from '../database/tables.ts'
import { isLeaseHeld } from '../check/check-queue.ts'
import type { DatabaseTraits } from '../database/database-traits.ts'
import { firstRowOf, rowsOf, rowsWrittenBy, type Job } from '../database/job.ts'
import { listAllTasks } from './list-all-tasks.ts'
import { parseStoredReport, parseStoredTask } from '../task/stored-task.ts'

/** How far the clock of a gateway, which makes ids, may be from that of the database, in milliseconds. */
const maxIdSkewMs = 10 * 60_000

/** What the operator's commands read and write. Prepares nothing: a command runs each query once. */
export function createOperatorStore(
  db: Kysely<Database>,
  { dialect, clock, read, write, transact }: DatabaseTraits,
): OperatorStore {
  return {
    listAll: (page) => read(() => listAllTasks(db, dialect, page)),
    findRecord: (taskId) => read(() => findRecord(db, taskId, clock.nowMs())),

    makeDue: (taskIds) =>
      transact(function* () {
        if (taskIds.length === 0) return []
        const rows = yield* rowsOf(
          db.updateTable('tasks').set({ due_at: dueNow }).where('id', 'in', taskIds).returning('id'),
        )
        return rows.map(({ id }) => id)
      }),

    countCharges: (startMs, endMs) =>
      read(function* () {
        const rows = yield* rowsOf(
          db
            .selectFrom('tasks')
            .select(({ fn }) => ['owner', 'provider', 'type', 'charge', fn.countAll<number>().as('orders')])
            // The primary key is the only index over all owners that is ordered by time.
            .where('id', '>=', firstTaskIdAt(startMs - maxIdSkewMs))
            .where('id', '<', firstTaskIdAt(endMs + maxIdSkewMs))
            .where('created_at', '>=', startMs)
            .where('created_at', '<', endMs)
            .where('music_task_id', 'is not', null)
            .groupBy(['owner', 'provider', 'type', 'charge']),
        )
        return rows.flatMap(({ owner, provider, type, charge, orders }) => {
          const name = providerNames.find((each) => each === provider)
          if (name === undefined) return []
          return [
            {
              startMs,
              owner,
              provider: name,
              type: separationTypes.find((each) => each === type) ?? null,
              charge: chargeOf(charge),
              orders,
            },
          ]
        })
      }),

    oldestTaskMs: () =>
      read(function* () {
        const row = yield* firstRowOf(db.selectFrom('tasks').select('id').orderBy('id').limit(1))
        return row === undefined ? null : createdAtMsOf(row.id)
      }),

    pauses: () =>
      read(function* () {
        const rows = yield* rowsOf(db.selectFrom('paused_providers').selectAll())
        return rows.flatMap(({ provider, reason, paused_at: pausedAtMs }) => {
          const name = providerNames.find((each) => each === provider)
          return name === undefined ? [] : [{ provider: name, reason, pausedAtMs }]
        })
      }),

    pause: ({ provider, reason, pausedAtMs }) =>
      write(function* () {
        yield* rowsWrittenBy(
          db
            .insertInto('paused_providers')
            .values({ provider, reason, paused_at: pausedAtMs })
            .onConflict((conflict) => conflict.column('provider').doUpdateSet({ reason })),
        )
      }),

    resume: (provider) =>
      write(function* () {
        return (yield* rowsWrittenBy(db.deleteFrom('paused_providers').where('provider', '=', provider))) > 0
      }),

    callers: () =>
      read(function* () {
        const rows = yield* rowsOf(db.selectFrom('callers').selectAll().orderBy('owner').orderBy('credential'))
        return rows.map(({ owner, credential, last_used_at: lastUsedAtMs }) => ({
          owner,
          credential: credential === '' ? null : credential,
          lastUsedAtMs,
        }))
      }),

    recordUse: (uses) =>
      write(function* () {
        if (uses.length === 0) return
        yield* rowsWrittenBy(
          db
            .insertInto('callers')
            .values(
              uses.map(({ owner, credential, lastUsedAtMs }) => ({
                owner,
                credential: credential ?? '',
                last_used_at: lastUsedAtMs,
              })),
            )
            .onConflict((conflict) =>
              conflict
                .columns(['owner', 'credential'])
                .doUpdateSet({ last_used_at: sql`excluded.last_used_at` })
                .where(sql<boolean>`excluded.last_used_at > callers.last_used_at`),
            ),
        )
      }),
  }
}

function* findRecord(db: Kysely<Database>, taskId: string, nowMs: number): Job<TaskRecord | null> {
  const row = yield* firstRowOf(
    db
      .selectFrom('tasks')
      .select(['task', 'due_at', 'callback_at', 'lease_until', 'reserved'])
      .where('id', '=', taskId),
  )
  if (row === undefined) return null
  const keys = yield* rowsOf(db.selectFrom('keys').select('key').where('task_id', '=', taskId).orderBy('created_at'))
  const callbacks = yield* rowsOf(
    db
      .selectFrom('callbacks')
      .select(['received_at', 'provider_task_id', 'payload'])
      .where('task_id', '=', taskId)
      .orderBy('received_at')
      .orderBy('id'),
  )
  const task = parseStoredTask(row.task)
  const isGivenBack = !isCounted(task)
  const job = yield* firstRowOf(db.selectFrom('archive_jobs').select('due_at').where('task_id', '=', taskId))
  return {
    task,
    dueAtMs: row.due_at,
    leaseUntilMs: isLeaseHeld(row, nowMs) ? row.lease_until : null,
    keys: keys.map(({ key }) => key),
    callbacks: callbacks.map(({ received_at, provider_task_id, payload }) => ({
      receivedAtMs: received_at,
      providerTaskId: provider_task_id,
      outcome: payload === null ? null : (parseStoredReport(payload)?.outcome.state ?? null),
    })),
    reserved:
      row.reserved === null
        ? []
        : parseReserved(row.reserved).map(({ name, amount }) => ({ budget: name, amount, isGivenBack })),
    ...(job === undefined ? {} : { archiveDueAtMs: job.due_at }),
  }
}

function chargeOf(text: string): Charge {
  return text === 'CHARGED' || text === 'MAYBE' ? text : 'NONE'
}
