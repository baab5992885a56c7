import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { OperatorFilter, OperatorPage, OperatorTasks } from '../../separation/store/operator-store.ts'
import type { TaskCursor } from '../../separation/store/task-reader.ts'
import { createdAtMsOf, firstTaskIdAt } from '../../separation/task/task-id.ts'
import type { Dialect } from '../database/facet.ts'
import { firstRowOf, rowsOf, type Job } from '../database/job.ts'
import { listTasks } from '../read/list-tasks.ts'
import type { Database } from '../database/tables.ts'
import { parseStoredPage } from '../task/stored-task.ts'

interface Row {
  readonly id: string
  readonly created_at: number
  readonly task: string
}

/**
 * The most rows that a list without an index reads. A list that finds less than its limit in them says where it goes on.
 */
const maxLookedAt = 20_000

/**
 * A part of the tasks of all callers. The tasks of one owner, the pending ones, the queued ones of these and those whose charge is
 * not known have indexes.
 * Any other filter is applied to the newest tasks, so many at a time.
 */
export function* listAllTasks(
  db: Kysely<Database>,
  dialect: Dialect,
  { where, after, limit }: OperatorPage,
): Job<OperatorTasks> {
  const { owner, status, charge } = where
  if (owner !== undefined) return yield* listOfOwner(db, dialect, owner, { where, after, limit })
  const isPendingOnly = status !== undefined && status.every((each) => each === 'PENDING')
  if (!isPendingOnly && charge !== 'MAYBE') return yield* listNewest(db, { where, after, limit })

  const query = { where, cursor: yield* cursorOf(db, after), limit }
  const mayBePending = status === undefined || status.includes('PENDING')
  const pending = isPendingOnly && charge === 'NONE' ? 'tasks_queued' : 'tasks_pending'
  const rows = [
    ...(mayBePending ? yield* firstOf(db, indexOf(dialect, pending), query) : []),
    ...(isPendingOnly ? [] : yield* firstOf(db, indexOf(dialect, 'tasks_uncertain'), query)),
  ].toSorted((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1))
  return pageOf(rows.slice(0, limit), limit)
}

/** The conditions of indexes. A database uses an index for these very words alone. */
const conditions = {
  tasks_pending: "status = 'PENDING'",
  tasks_queued: "status = 'PENDING' and charge = 'NONE'",
  tasks_uncertain: "charge = 'MAYBE' and status <> 'PENDING'",
} as const

/** What is in the index. SQLite is told to use it: without statistics, it takes another one. */
function indexOf(dialect: Dialect, name: keyof typeof conditions): RawBuilder<unknown> {
  return sql.raw(`from tasks waiting ${dialect === 'sqlite' ? `indexed by ${name}` : ''} where ${conditions[name]}`)
}

/** The first rows of an index. */
function firstOf(
  db: Kysely<Database>,
  indexed: RawBuilder<unknown>,
  { where, cursor, limit }: { where: OperatorFilter; cursor: TaskCursor | undefined; limit: number },
): Job<readonly Row[]> {
  const after = cursor === undefined ? sql`` : sql`and (created_at, id) < (${cursor.createdAtMs}, ${cursor.id})`
  const before = where.createdBeforeMs === undefined ? sql`` : sql`and created_at < ${where.createdBeforeMs}`
  return rowsOf(
    sql<Row>`
      select id, created_at, task ${indexed} ${after} ${before} ${matching(where)}
      order by created_at desc, id desc limit ${limit}`.compile(db),
  )
}

/** Looks at the newest tasks by id, which begins with the time. */
function* listNewest(db: Kysely<Database>, { where, after, limit }: OperatorPage): Job<OperatorTasks> {
  const ends = [after, where.createdBeforeMs === undefined ? undefined : firstTaskIdAt(where.createdBeforeMs)]
  const [end] = ends.filter((each) => each !== undefined).toSorted()
  const below = end === undefined ? sql`true` : sql`id < ${end}`
  const last = yield* firstRowOf(
    sql<{ id: string }>`
      select id from tasks where ${below} order by id desc limit 1 offset ${maxLookedAt - 1}`.compile(db),
  )
  const above = last === undefined ? sql`` : sql`and id >= ${last.id}`
  const rows = yield* rowsOf(
    sql<Row>`
      select id, created_at, task from tasks where ${below} ${above} ${matching(where)}
      order by id desc limit ${limit}`.compile(db),
  )
  const page = pageOf(rows, limit)
  return page.next === null && last !== undefined ? { ...page, next: last.id } : page
}

function* listOfOwner(
  db: Kysely<Database>,
  dialect: Dialect,
  owner: string,
  { where, after, limit }: OperatorPage,
): Job<OperatorTasks> {
  const { provider, status, charge, createdBeforeMs } = where
  const filter = { provider, status, charge: charge === undefined ? undefined : [charge], createdBeforeMs }
  const cursor = yield* cursorOf(db, after)
  const rows = yield* listTasks(db, dialect, owner, { where: filter, after: cursor, limit, inverted: false })
  const tasks = parseStoredPage(rows)
  return { tasks, next: rows.length < limit ? null : (tasks.at(-1)?.id ?? null) }
}

function matching({ provider, status, charge }: OperatorFilter): RawBuilder<unknown> {
  return sql.join(
    [
      ...(provider === undefined ? [] : [sql`and provider = ${provider}`]),
      ...(status === undefined ? [] : [sql`and status in (${sql.join(status)})`]),
      ...(charge === undefined ? [] : [sql`and charge = ${charge}`]),
    ],
    sql` `,
  )
}

/** The position of a task in a list by creation. */
function* cursorOf(db: Kysely<Database>, id: string | undefined): Job<TaskCursor | undefined> {
  if (id === undefined) return undefined
  const row = yield* firstRowOf(db.selectFrom('tasks').select('created_at').where('id', '=', id))
  return { id, createdAtMs: row?.created_at ?? createdAtMsOf(id) ?? 0 }
}

function pageOf(rows: readonly Row[], limit: number): OperatorTasks {
  return { tasks: parseStoredPage(rows), next: rows.length < limit ? null : (rows.at(-1)?.id ?? null) }
}
