import { sql, type Kysely, type RawBuilder } from 'kysely'
import * as z from 'zod'
import type { DeletableTask, KeptCounts, TaskDeleter } from '../../separation/store/task-deleter.ts'
import { createdAtMsOf, firstTaskIdAt } from '../../separation/task/task-id.ts'
import type { DatabaseTraits } from '../database/database-traits.ts'
import { createDeleteEndpoints } from '../webhooks/delete-endpoints.ts'
import { firstRowOf, rowsOf, rowsWrittenBy, type Job } from '../database/job.ts'
import type { Database } from '../database/tables.ts'
import { ownerTables, taskTables } from './task-tables.ts'
import { chargeOf, createTombstoneJobs, dayOf, markOfBinding, markOfKey, markOfTask } from './tombstones.ts'

/** The columns of `tasks` by which a task is deleted. */
interface Row {
  readonly id: string
  readonly owner: string
  readonly status: string
  readonly charge: string
  readonly created_at: number
  readonly revision: number
  readonly due_at: number | null
  readonly callback_at: number | null
  readonly changed_at: number | null
  /** The document, if it names copies in the archive. */
  readonly archived: string | null
  readonly is_busy: number
  /** 1: a webhook about it is still to be delivered. */
  readonly is_told: number
}

const columns = ['id', 'owner', 'status', 'charge', 'created_at', 'revision', 'due_at', 'callback_at'] as const

const archivedSchema = z.object({
  archive: z
    .object({ copies: z.array(z.object({ sha256: z.string() })), deletedAtMs: z.number().nullable() })
    .nullable(),
})

/** Finds and deletes tasks: see `TaskDeleter`. */
export function createTaskDeleter(
  db: Kysely<Database>,
  { read, transact, hasRowLocks, onRevision, afterLargeWrite, clock }: DatabaseTraits,
): TaskDeleter {
  const tombstones = createTombstoneJobs(db)
  const endpoints = createDeleteEndpoints(db, hasRowLocks)

  /** Reads the documents of those tasks alone that have copies. */
  function rowsWhere(condition: RawBuilder<unknown>): Job<readonly Row[]> {
    return rowsOf(
      sql<Row>`
        select t.id, t.owner, t.status, t.charge, t.created_at, t.revision, t.due_at, t.callback_at, t.changed_at,
          case when t.status = 'SUCCESS' and t.task like '%"sha256":%' then t.task end as archived,
          case when exists (
            select 1 from archive_jobs j
            where j.task_id = t.id and j.lease_until > ${clock.nowMs()} and j.due_at >= j.lease_until and j.due_at <= j.lease_until + 1
          ) then 1 else 0 end as is_busy,
          case when exists (
            select 1 from webhook_messages m where m.task_id = t.id and m.due_at is not null
          ) then 1 else 0 end as is_told
        from tasks t where ${condition}`.compile(db),
    )
  }

  return {
    findExpired: ({ after, beforeMs, limit }) =>
      read(function* () {
        const rows = yield* rowsWhere(
          sql`t.id > ${after} and t.id < ${firstTaskIdAt(beforeMs)} order by t.id limit ${limit}`,
        )
        const expired = rows.filter((row) => isExpired(row, beforeMs))
        const left = rows.filter((row) => row.status === 'PENDING' || lastMsOf(row) < beforeMs).map(reasonToKeep)
        const count = (reason: keyof KeptCounts) => left.filter((each) => each === reason).length
        const kept = { pending: count('pending'), maybe: count('maybe'), undelivered: count('undelivered') }
        return { tasks: expired.map(deletable), kept, lastId: rows.length < limit ? null : (rows.at(-1)?.id ?? null) }
      }),

    deletableOf: (owner, { after, limit }) =>
      read(function* () {
        const rows = yield* rowsWhere(
          sql`t.owner = ${owner} and (t.created_at, t.id) > (${after?.createdAtMs ?? -1}, ${after?.id ?? ''})
            order by t.created_at, t.id limit ${limit}`,
        )
        return rows.map(deletable)
      }),

    countOwned: (owner) =>
      read(function* () {
        const row = yield* firstRowOf(
          sql<{ tasks: number; pending: number; maybe: number }>`
            select count(*) as tasks, count(case when status = 'PENDING' then 1 end) as pending,
              count(case when status <> 'PENDING' and charge = 'MAYBE' then 1 end) as maybe
            from tasks where owner = ${owner}`.compile(db),
        )
        let hasOther = false
        for (const table of ownerTables) {
          hasOther ||=
            (yield* rowsOf(sql`select 1 from ${sql.table(table)} where owner = ${owner} limit 1`.compile(db))).length >
            0
        }
        return { tasks: row?.tasks ?? 0, pending: row?.pending ?? 0, maybe: row?.maybe ?? 0, hasOther }
      }),

    async deleteTasks(tasks) {
      const deleted = await transact(function* () {
        const states = new Map(tasks.map(({ id, state }) => [id, state]))
        if (states.size === 0) return []
        const rows = yield* rowsOf(
          db
            .selectFrom('tasks')
            .select([...columns, 'provider', 'provider_task_id'])
            .where('id', 'in', [...states.keys()])
            // Whoever changes a task now does not wait for the others.
            .$if(hasRowLocks, (locked) => locked.forUpdate().skipLocked()),
        )
        const found = rows.filter((row) => stateOf(row) === states.get(row.id))
        if (found.length === 0) return []
        const ids = found.map(({ id }) => id)
        const orders = new Map(found.map((row) => [row.id, { charge: row.charge, day: dayOf(row.created_at) }]))
        const keys = yield* rowsOf(
          db.selectFrom('keys').select(['owner', 'key', 'task_id', 'confirmed']).where('task_id', 'in', ids),
        )
        const marks = [
          ...ids.map((id) => [markOfTask(id), id] as const),
          ...found.flatMap((row) =>
            row.provider_task_id === null
              ? []
              : [[markOfBinding({ ...row, providerTaskId: row.provider_task_id }), row.id] as const],
          ),
          // A key that led to nothing that was charged, and was given to nobody, is free.
          ...keys
            .filter((key) => key.confirmed === 1 || orders.get(key.task_id)?.charge !== 'NONE')
            .map((key) => [markOfKey(key), key.task_id] as const),
        ]
        yield* tombstones.add(marks.map(([mark, id]) => ({ mark, charge: 'MAYBE', day: 0, ...orders.get(id) })))
        // PostgreSQL and SQLite refuse to delete a task that a row of another table still refers to.
        for (const table of taskTables) {
          yield* rowsWrittenBy(sql`delete from ${sql.table(table)} where task_id in (${sql.join(ids)})`.compile(db))
        }
        yield* rowsWrittenBy(db.deleteFrom('tasks').where('id', 'in', ids))
        ids.forEach(onRevision)
        return ids
      })
      afterLargeWrite()
      return deleted
    },

    deleteOwner: (owner) =>
      transact(function* () {
        // Waits for orders that use what is deleted, and locks it in the same sequence as they do. What follows sees their tasks.
        for (const table of hasRowLocks ? (['budgets', 'webhook_endpoints'] as const) : []) {
          yield* rowsOf(sql`select owner from ${sql.table(table)} where owner = ${owner} for update`.compile(db))
        }
        for (const table of ownerTables) {
          const rows = sql`${sql.table(table)} where owner = ${owner}`
          yield* rowsWrittenBy(
            sql`delete from ${rows} and not exists (select 1 from tasks where tasks.owner = ${owner})`.compile(db),
          )
        }
      }),

    deleteOldCounters: ({ after, startedBeforeMs, limit }) =>
      transact(function* () {
        const page = yield* rowsOf(
          db.selectFrom('budgets').select('owner').where('owner', '>', after).orderBy('owner').limit(limit),
        )
        const [first, last] = [page.at(0)?.owner, page.at(-1)?.owner]
        if (first === undefined || last === undefined) return null
        yield* rowsWrittenBy(
          db
            .deleteFrom('budgets')
            .where('owner', '>=', first)
            .where('owner', '<=', last)
            .where('window_start', '<', startedBeforeMs),
        )
        return page.length < limit ? null : last
      }),

    deleteUnusedEndpoints: (page) => transact(() => endpoints.deleteUnused(page)),

    oldestTaskAtMs: () =>
      read(function* () {
        const row = yield* firstRowOf(db.selectFrom('tasks').select('id').orderBy('id').limit(1))
        return row === undefined ? null : createdAtMsOf(row.id)
      }),
  }
}

/**
 * Whether a task is settled, and since a time nothing has happened to it or been due. A check that was due before that time waits for
 * a provider that is off. A task whose charge nobody could confirm is kept until somebody has resolved it. A task with a webhook that
 * is still to be delivered is kept until it was, or every attempt has failed: an order may have joined the task a moment ago.
 */
function isExpired(row: Row, beforeMs: number): boolean {
  return reasonToKeep(row) === null && lastMsOf(row) < beforeMs
}

/** When something last happened to the task, or should have. */
function lastMsOf({
  created_at: createdAt,
  changed_at: changedAt,
  due_at: dueAt,
  callback_at: callbackAt,
}: Row): number {
  return Math.max(changedAt ?? createdAt, dueAt ?? 0, callbackAt ?? 0)
}

/** Why the task is kept, whatever its age; null if nothing but its age counts. */
function reasonToKeep({ status, charge, is_told: isTold }: Row): keyof KeptCounts | null {
  if (status === 'PENDING') return 'pending'
  if (charge === 'MAYBE') return 'maybe'
  return isTold === 1 ? 'undelivered' : null
}

function deletable(row: Row): DeletableTask {
  return {
    id: row.id,
    owner: row.owner,
    isSettled: row.status !== 'PENDING',
    charge: chargeOf(row.charge),
    createdAtMs: row.created_at,
    copies: row.archived === null ? [] : copiesIn(row.archived),
    isBusy: row.is_busy === 1,
    state: stateOf(row),
  }
}

function stateOf(row: Pick<Row, 'revision' | 'due_at' | 'callback_at'>): string {
  return [row.revision, row.due_at, row.callback_at].join()
}

function copiesIn(document: string): readonly string[] {
  const { archive } = archivedSchema.parse(JSON.parse(document))
  return archive === null || archive.deletedAtMs !== null ? [] : [...new Set(archive.copies.map((copy) => copy.sha256))]
}
