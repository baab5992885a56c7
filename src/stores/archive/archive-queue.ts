import { sql, type ExpressionBuilder, type Kysely } from 'kysely'
import type { ArchiveJob, ArchiveQueue } from '../../separation/store/archive-queue.ts'
import type { SucceededTask, Task } from '../../separation/task/task.ts'
import type { DatabaseTraits } from '../database/database-traits.ts'
import { createLockTasks } from '../task/lock-tasks.ts'
import { firstRowOf, rowsOf, rowsWrittenBy, type Job } from '../database/job.ts'
import { prepareQuery, type Placeholder } from '../database/prepared-query.ts'
import type { Database } from '../database/tables.ts'
import { parseStoredPage } from '../task/stored-task.ts'

/** How long after the end of a lease its job is due, if it was made due meanwhile. */
const afterLeaseMs = 1

/** A job that makes the archive's work on a task due. */
export type MakeArchiveDue = (task: Task, dueAtMs: number) => Job<void>

export function createMakeArchiveDue(db: Kysely<Database>): MakeArchiveDue {
  const upsert = prepareQuery((value: Placeholder<{ taskId: string; completedAtMs: number; dueAtMs: number }>) =>
    db
      .insertInto('archive_jobs')
      .values({
        task_id: value('taskId'),
        completed_at: value('completedAtMs'),
        due_at: value('dueAtMs'),
        attempts: 0,
      })
      // Whoever holds a lease has until its end. Changes due_at even then, so that `release` knows.
      .onConflict((conflict) =>
        conflict.column('task_id').doUpdateSet({
          due_at: sql<number>`
            case when archive_jobs.due_at = archive_jobs.lease_until and archive_jobs.lease_until > ${value('dueAtMs')}
            then archive_jobs.lease_until + ${sql.lit(afterLeaseMs)} else ${value('dueAtMs')} end`,
          attempts: 0,
        }),
      ),
  )
  return function* makeArchiveDue(task, dueAtMs) {
    if (task.state !== 'succeeded') return
    yield* rowsWrittenBy(upsert({ taskId: task.id, completedAtMs: task.completedAtMs.value, dueAtMs }))
  }
}

/** Whether this lease is held, also if the work was made due meanwhile. */
function isLeased(leaseUntilMs: number) {
  return (eb: ExpressionBuilder<Database, 'archive_jobs'>) =>
    eb.or([
      eb('due_at', '=', leaseUntilMs),
      eb.and([eb('due_at', '=', leaseUntilMs + afterLeaseMs), eb('lease_until', '=', leaseUntilMs)]),
    ])
}

interface DueJobs {
  readonly nowMs: number
  readonly leaseUntilMs: number
  readonly limit: number
}

/** Schedules the work of the archive. */
export function createArchiveQueue(
  db: Kysely<Database>,
  { read, write, transact, hasRowLocks }: DatabaseTraits,
): ArchiveQueue {
  const makeDue = createMakeArchiveDue(db)
  const lockTasks = createLockTasks(db, hasRowLocks)
  const lease = prepareQuery((value: Placeholder<DueJobs>) =>
    db
      .with(
        (cte) => cte('due').materialized(),
        (qc) =>
          qc
            .selectFrom('archive_jobs')
            .select('task_id')
            .where('due_at', '<=', value('nowMs'))
            .orderBy('due_at')
            .limit(value('limit'))
            .$if(hasRowLocks, (due) => due.forUpdate().skipLocked()),
      )
      .updateTable('archive_jobs')
      .set((eb) => ({
        due_at: value('leaseUntilMs'),
        lease_until: value('leaseUntilMs'),
        attempts: eb('attempts', '+', 1),
      }))
      .where('task_id', 'in', (eb) => eb.selectFrom('due').select('task_id'))
      .returning(['task_id', 'attempts']),
  )

  function* tasksOf(ids: readonly string[]): Job<readonly SucceededTask[]> {
    if (ids.length === 0) return []
    const rows = yield* rowsOf(db.selectFrom('tasks').select('task').where('id', 'in', ids))
    return parseStoredPage(rows).filter((task) => task.state === 'succeeded')
  }

  return {
    leaseDue: (nowMs, leaseUntilMs, limit) =>
      transact(function* () {
        const leased = new Map(
          (yield* rowsOf(lease({ nowMs, leaseUntilMs, limit }))).map((row) => [row.task_id, row.attempts]),
        )
        // A task that cannot be read keeps its lease: a newer gateway may be able to read it later.
        const tasks = yield* tasksOf([...leased.keys()])
        return tasks.map((task): ArchiveJob => ({ id: task.id, task, attempts: leased.get(task.id) ?? 1 }))
      }),

    renew: (taskIds, leaseUntilMs, laterMs) =>
      write(function* () {
        if (taskIds.length === 0) return
        yield* rowsWrittenBy(
          db
            .updateTable('archive_jobs')
            .set((eb) => ({
              due_at: eb
                .case()
                .when('due_at', '=', leaseUntilMs)
                .then(laterMs)
                .else(laterMs + afterLeaseMs)
                .end(),
              lease_until: laterMs,
            }))
            .where('task_id', 'in', taskIds)
            .where(isLeased(leaseUntilMs)),
        )
      }),

    release: (taskId, leaseUntilMs, dueAtMs) =>
      write(function* () {
        yield* rowsWrittenBy(
          db
            .updateTable('archive_jobs')
            // Made due meanwhile: at once.
            .set((eb) => ({ due_at: eb.case().when('due_at', '=', leaseUntilMs).then(dueAtMs).else(0).end() }))
            .where('task_id', '=', taskId)
            .where(isLeased(leaseUntilMs)),
        )
      }),

    releaseAllLeases: () =>
      write(function* () {
        yield* rowsWrittenBy(
          db.updateTable('archive_jobs').set({ due_at: 0, lease_until: null }).whereRef('due_at', '=', 'lease_until'),
        )
      }),

    makeDue: (task, dueAtMs) =>
      transact(function* () {
        if ((yield* lockTasks([task.id])).has(task.id)) yield* makeDue(task, dueAtMs)
      }),

    keepFor: (archiveMs, laterThanMs) =>
      write(function* () {
        yield* rowsWrittenBy(
          db
            .updateTable('archive_jobs')
            .set((eb) => ({ due_at: eb('completed_at', '+', archiveMs) }))
            .where('due_at', '>', laterThanMs)
            .where((eb) => eb('due_at', '!=', eb('completed_at', '+', archiveMs))),
        )
      }),

    add: (entries) =>
      transact(function* () {
        const stored = yield* lockTasks(entries.map(({ task }) => task.id))
        const rows = entries
          .filter(({ task }) => stored.has(task.id))
          .map(({ task, dueAtMs }) => ({
            task_id: task.id,
            completed_at: task.completedAtMs.value,
            due_at: dueAtMs,
            attempts: 0,
          }))
        if (rows.length === 0) return
        yield* rowsWrittenBy(
          db
            .insertInto('archive_jobs')
            .values(rows)
            .onConflict((conflict) => conflict.doNothing()),
        )
      }),

    findMissing: ({ after, limit }) =>
      read(function* () {
        // Reads a task only if it is needed, and looks at no more rows than the limit.
        const rows = yield* rowsOf(
          sql<{ id: string; task: string | null }>`
            select id, case when status = 'SUCCESS' and not exists (
              select 1 from archive_jobs where task_id = tasks.id
            ) then task end as task
            from tasks where id > ${after} order by id limit ${limit}`.compile(db),
        )
        const found = rows.flatMap(({ task }) => (task === null ? [] : [{ task }]))
        const tasks = parseStoredPage(found).filter((task) => task.state === 'succeeded')
        return { tasks, lastId: rows.at(-1)?.id ?? null }
      }),

    countDue: (nowMs) =>
      read(function* () {
        const row = yield* firstRowOf(
          db
            .selectFrom('archive_jobs')
            .select(({ fn }) => fn.countAll<number>().as('count'))
            .where('due_at', '<=', nowMs),
        )
        return row?.count ?? 0
      }),
  }
}
