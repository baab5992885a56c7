import { sql, type Kysely, type Selectable, type SqlBool } from 'kysely'
import { providerNames, type ProviderName } from '../../separation/task/provider-name.ts'
import type { DatabaseTraits } from '../database/database-traits.ts'
import { rowsOf, rowsWrittenBy, type Job } from '../database/job.ts'
import { prepareQuery, type Placeholder } from '../database/prepared-query.ts'
import { dueNow, type Database } from '../database/tables.ts'
import { parseStoredPage } from '../task/stored-task.ts'
import type { LeaseEnd, NewDue } from '../../separation/store/record-store.ts'
import type { CheckQueue } from '../../separation/store/check-queue.ts'

/** The minimum time between two checks of a task that callbacks trigger, in milliseconds. */
const minCallbackIntervalMs = 2_000

/** Checks within this time after a callback come before regular checks, in milliseconds. */
const callbackPriorityMs = 60_000
/** The condition of the index `tasks_due_after_callback`: a database uses the index for these very words alone. */
const hasRecentCallback = sql<SqlBool>`callback_at is not null and due_at <= callback_at + ${sql.lit(callbackPriorityMs)}`

/** Schedules the checks of tasks and leases due tasks to a gateway. */
export function createCheckQueue(
  db: Kysely<Database>,
  { write, transact, hasRowLocks }: Pick<DatabaseTraits, 'write' | 'transact' | 'hasRowLocks'>,
): CheckQueue {
  const endLease = createEndLease(db)

  const prepareLease = (onlyWithCallback: boolean) =>
    prepareQuery((value: Placeholder<DueTasks>) =>
      db
        // Without `materialized`, PostgreSQL may run the subquery more than once and lease more than the limit.
        .with(
          (cte) => cte('due').materialized(),
          (qc) =>
            qc
              .selectFrom('tasks')
              .select('id')
              .where('provider', '=', value('provider'))
              .where('due_at', '<=', value('nowMs'))
              .$if(onlyWithCallback, (due) => due.where(hasRecentCallback))
              .orderBy('due_at')
              .limit(value('limit'))
              .$if(hasRowLocks, (due) => due.forUpdate().skipLocked()),
        )
        .updateTable('tasks')
        .set({ due_at: value('leaseUntilMs'), lease_until: value('leaseUntilMs') })
        .where('id', 'in', (eb) => eb.selectFrom('due').select('id'))
        .returning('task'),
    )
  const leaseWithCallback = prepareLease(true)
  const leaseAny = prepareLease(false)

  return {
    leaseDue: (provider, nowMs, leaseUntilMs, limit) =>
      transact(function* () {
        const due = { provider, nowMs, leaseUntilMs }
        // Tasks with a callback go first: their payload must be confirmed within seconds, however many other tasks are due.
        // An unreadable task keeps its lease: a newer gateway may be able to read it later.
        const withCallback = parseStoredPage(yield* rowsOf(leaseWithCallback({ ...due, limit })))
        if (withCallback.length >= limit) return withCallback
        const others = yield* rowsOf(leaseAny({ ...due, limit: limit - withCallback.length }))
        return [...withCallback, ...parseStoredPage(others)]
      }),

    renew: (taskIds, leaseUntilMs, laterMs) =>
      write(function* () {
        if (taskIds.length === 0) return
        yield* rowsWrittenBy(
          db
            .updateTable('tasks')
            .set({ due_at: laterMs, lease_until: laterMs })
            .where('id', 'in', taskIds)
            .where('due_at', '=', leaseUntilMs),
        )
      }),

    release: (taskId, leaseUntilMs, dueAtMs) => transact(() => endLease(taskId, { leaseUntilMs, dueAtMs })),

    releaseAllLeases: () =>
      write(function* () {
        yield* rowsWrittenBy(
          db
            .updateTable('tasks')
            .set({ due_at: dueNow, lease_until: null })
            .where('provider', 'in', providerNames)
            // The two are equal exactly while a lease is held: everything that ends a lease changes due_at.
            .whereRef('due_at', '=', 'lease_until'),
        )
      }),
  }
}

/** Which due tasks to lease. */
interface DueTasks {
  readonly provider: ProviderName
  readonly nowMs: number
  readonly leaseUntilMs: number
  readonly limit: number
}

/** A job that sets when a task is due: see `RecordStore.replace`. */
export type SetDue = (taskId: string, due: LeaseEnd | NewDue) => Job<void>

export function createSetDue(db: Kysely<Database>): SetDue {
  const endLease = createEndLease(db)
  const setDueAt = prepareQuery((value: Placeholder<NewDue & { taskId: string }>) =>
    db
      .updateTable('tasks')
      .set({ due_at: value('dueAtMs') })
      .where('id', '=', value('taskId')),
  )
  return function* setDue(taskId, due) {
    if (due.leaseUntilMs === null) yield* rowsWrittenBy(setDueAt({ ...due, taskId }))
    else yield* endLease(taskId, due)
  }
}

/** A job that ends a lease: see `CheckQueue.release`. */
export type EndLease = (taskId: string, leaseEnd: LeaseEnd) => Job<void>

export function createEndLease(db: Kysely<Database>): EndLease {
  const updateDueAt = prepareQuery((value: Placeholder<LeaseEnd & { taskId: string }>) =>
    db
      .updateTable('tasks')
      .set({ due_at: value('dueAtMs') })
      .where('id', '=', value('taskId'))
      .where('due_at', '=', value('leaseUntilMs')),
  )
  const deleteCallbacks = prepareQuery((value: Placeholder<{ taskId: string }>) =>
    db.deleteFrom('callbacks').where('task_id', '=', value('taskId')),
  )

  return function* endLease(taskId, leaseEnd) {
    const ended = yield* rowsWrittenBy(updateDueAt({ ...leaseEnd, taskId }))
    const isFinished = leaseEnd.dueAtMs === null && ended > 0
    if (isFinished) yield* rowsWrittenBy(deleteCallbacks({ taskId }))
  }
}

/** When a task is due, and its lease. */
export type Schedule = Pick<Selectable<Database['tasks']>, 'due_at' | 'callback_at' | 'lease_until'>

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
