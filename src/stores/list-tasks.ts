import { sql, type Kysely, type RawBuilder, type SqlBool } from 'kysely'
import { facetCondition, facetSql, type Dialect } from './facet.ts'
import { firstRowOf, rowsOf, type Job } from './job.ts'
import { endOfPrefix } from './end-of-prefix.ts'
import type { Database } from './schema.ts'
import { TooManyMatchesError } from '../separation/errors.ts'
import type { TaskCursor, TaskFilter, TaskPage } from '../separation/store.ts'

interface Row {
  readonly task: string
}

/** The tasks to search: those of an owner, optionally of one music task or track, or with one reference. */
export interface Scope {
  readonly owner: string
  readonly reference?: string | undefined
  readonly musicTaskId?: string | null | undefined
  readonly audioId?: string | null | undefined
}

/** The bounds of a list, both exclusive. */
interface Range {
  readonly above: TaskCursor | undefined
  readonly below: TaskCursor | undefined
}

/** The most tasks that a list by prefix reads: some 30 ms with SQLite, during which the process serves nobody else. */
const maxMatches = 10_000

type SortOrder = 'asc' | 'desc'

/**
 * The rows of a page. For every filter, the number of rows read is bounded by the page size and the number of facets of
 * the owner's tasks, not by the number of tasks: see docs/decisions/0018.
 */
export function* listTasks(
  db: Kysely<Database>,
  dialect: Dialect,
  owner: string,
  { where, after, before, limit, inverted }: TaskPage,
): Job<readonly Row[]> {
  if ([where.status, where.charge, where.failureCode].some((values) => values?.length === 0)) return []
  const range = {
    above: latest([before, startOf(where.createdAfterMs)]),
    below: latest([after, startOf(where.createdBeforeMs)], -1),
  }
  const order = inverted ? 'asc' : 'desc'
  const { musicTaskId, audioId, reference } = where
  const isOfTrack = musicTaskId !== undefined || audioId !== undefined
  if (where.referencePrefix !== undefined || (reference !== undefined && isOfTrack)) {
    return yield* listByReference(db, dialect, owner, { where, range, order, limit })
  }
  const condition = facetCondition(where, sql`facets.facet`)
  if (condition === null && reference === undefined && !isOfTrack) {
    return yield* rowsOf(
      sql<Row>`
        select t.task from tasks t where t.owner = ${owner} ${within(range)}
        order by ${sortColumns(order)} limit ${limit}`.compile(db),
    )
  }
  const rows = yield* newestPerFacet(db, dialect, {
    scope: { owner, musicTaskId, audioId, reference },
    condition,
    range,
    order,
    limitPerFacet: limit,
  })
  return rows.slice(0, limit)
}

/**
 * The first `limitPerFacet` rows of each facet that meets the condition, sorted together. One statement reads them all,
 * because the facet of a task may change meanwhile.
 */
export function* newestPerFacet(
  db: Kysely<Database>,
  dialect: Dialect,
  query: {
    readonly scope: Scope
    readonly condition: RawBuilder<SqlBool> | null
    readonly range?: Range
    readonly order?: SortOrder
    readonly limitPerFacet: number
  },
): Job<readonly Row[]> {
  const { scope, condition, range = { above: undefined, below: undefined }, order = 'desc', limitPerFacet } = query
  const facet = sql.raw(facetSql(dialect, 't'))
  const inScope = conditionOf(scope)
  const matching = condition ?? sql<SqlBool>`facets.facet is not null`
  // Finds each existing facet with one index seek.
  const facets = sql`
    with recursive facets(facet) as (
      select * from (select ${facet} as facet from tasks t where ${inScope} order by ${facet} limit 1) first_facet
      union all
      select (
        select ${facet} from tasks t where ${inScope} and ${facet} > facets.facet order by ${facet} limit 1
      ) from facets where facets.facet is not null
    )`
  const ofFacet = sql`
    from tasks t where ${inScope} and ${facet} = facets.facet ${within(range)} order by ${sortColumns(order)} limit ${limitPerFacet}`
  const newest =
    dialect === 'postgres'
      ? sql<Row>`
          ${facets}
          select t.task from facets cross join lateral (select t.task, t.created_at, t.id ${ofFacet}) t
          where ${matching} order by ${sortColumns(order)}`
      : sql<Row>`
          ${facets}
          select t.task from tasks t where t.id in (
            select found.id from facets cross join tasks found on found.id in (select t.id ${ofFacet}) where ${matching}
          ) order by ${sortColumns(order)}`
  return yield* rowsOf(newest.compile(db))
}

/**
 * The first rows of the tasks whose references are in the range of the filter. Reads each of them in the index of references,
 * because their order is that of the references, and no more than `maxMatches`.
 */
function* listByReference(
  db: Kysely<Database>,
  dialect: Dialect,
  owner: string,
  query: {
    readonly where: TaskFilter
    readonly range: Range
    readonly order: SortOrder
    readonly limit: number
  },
): Job<readonly Row[]> {
  const { where, range, order, limit } = query
  const { musicTaskId, audioId } = where
  const inRange = sql`t.owner = ${owner} ${withinReferences(where)}`
  const counted = yield* firstRowOf(
    sql<{ count: number | string }>`
      select count(*) as count from (select 1 from tasks t where ${inRange} limit ${maxMatches + 1}) matches`.compile(
      db,
    ),
  )
  if (Number(counted?.count ?? 0) > maxMatches) throw new TooManyMatchesError(maxMatches)
  const facets = facetCondition(where, sql.raw(facetSql(dialect, 't')))
  return yield* rowsOf(
    sql<Row>`
      select t.task from tasks t where ${inRange} and ${conditionOf({ owner, musicTaskId, audioId })}
      ${facets === null ? sql`` : sql`and ${facets}`} ${within(range)}
      order by ${sortColumns(order)} limit ${limit}`.compile(db),
  )
}

function withinReferences({ reference, referencePrefix: prefix }: TaskFilter): RawBuilder<unknown> {
  const end = prefix === undefined ? null : endOfPrefix(prefix)
  return sql.join(
    [
      ...(reference === undefined ? [] : [sql`and t.reference = ${reference}`]),
      ...(prefix === undefined ? [] : [sql`and t.reference >= ${prefix}`]),
      ...(end === null ? [] : [sql`and t.reference < ${end}`]),
    ],
    sql` `,
  )
}

function conditionOf(scope: Scope): RawBuilder<unknown> {
  const { owner, reference, musicTaskId, audioId } = scope
  return sql.join(
    Object.entries({ owner, reference, music_task_id: musicTaskId, audio_id: audioId })
      .filter(([, value]) => value !== undefined)
      .map(([column, value]) => sql`${sql.ref(`t.${column}`)} = ${value}`),
    sql` and `,
  )
}

/** The cursor just below every task that was created at this time. */
function startOf(timeMs: number | undefined): TaskCursor | undefined {
  return timeMs === undefined ? undefined : { createdAtMs: timeMs, id: '' }
}

/**
 * The latest of the cursors by creation; the earliest for a sign of -1. The query uses only one bound per side: with two,
 * the database would seek to either and read all rows up to the other.
 */
function latest(cursors: readonly (TaskCursor | undefined)[], sign = 1): TaskCursor | undefined {
  const defined = cursors.filter((cursor) => cursor !== undefined)
  return defined.toSorted((a, b) => sign * (b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1)))[0]
}

function within({ above, below }: Range): RawBuilder<unknown> {
  return sql.join(
    [
      ...(above === undefined ? [] : [sql`and (t.created_at, t.id) > (${above.createdAtMs}, ${above.id})`]),
      ...(below === undefined ? [] : [sql`and (t.created_at, t.id) < (${below.createdAtMs}, ${below.id})`]),
    ],
    sql` `,
  )
}

function sortColumns(order: SortOrder): RawBuilder<unknown> {
  return order === 'asc' ? sql`t.created_at asc, t.id asc` : sql`t.created_at desc, t.id desc`
}
