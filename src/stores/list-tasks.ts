import { sql, type Kysely, type RawBuilder, type SqlBool } from 'kysely'
import { facetCondition, facetSql, type Dialect } from './facet.ts'
import type { Database } from './schema.ts'
import type { TaskCursor, TaskPage } from '../separation/store.ts'

interface Row {
  readonly task: string
}

/** Whose tasks are looked at, and of which music or track. */
export interface Scope {
  readonly owner: string
  readonly musicTaskId?: string | null | undefined
  readonly audioId?: string | null | undefined
}

/** Where a list begins and ends: both ends are left out. */
interface Range {
  readonly above: TaskCursor | undefined
  readonly below: TaskCursor | undefined
}

type SortOrder = 'asc' | 'desc'

/**
 * The rows of a page. Whatever the filter, the rows that are looked at are bounded by the page's size and the number of
 * facets that the caller's tasks have, not by the number of its tasks: see docs/decisions/0018.
 */
export async function listTasks(
  db: Kysely<Database>,
  dialect: Dialect,
  owner: string,
  { where, after, before, limit, inverted }: TaskPage,
): Promise<readonly Row[]> {
  if ([where.status, where.charge, where.failureCode].some((values) => values?.length === 0)) return []
  const range = {
    above: last([before, startOf(where.createdAfterMs)]),
    below: last([after, startOf(where.createdBeforeMs)], -1),
  }
  const order = inverted ? 'asc' : 'desc'
  const { musicTaskId, audioId } = where
  const condition = facetCondition(where, sql`facets.facet`)
  if (condition === null && musicTaskId === undefined && audioId === undefined) {
    const { rows } = await sql<Row>`
      select t.task from tasks t where t.owner = ${owner} ${within(range)}
      order by ${placeIn(order)} limit ${limit}`.execute(db)
    return rows
  }
  const rows = await newestPerFacet(db, dialect, {
    scope: { owner, musicTaskId, audioId },
    condition,
    range,
    order,
    most: limit,
  })
  return rows.slice(0, limit)
}

/**
 * Of every facet that fits the condition the first `most` rows, all in one order. A task's facet changes while it is listed,
 * so all of them are read by one statement.
 */
export async function newestPerFacet(
  db: Kysely<Database>,
  dialect: Dialect,
  look: {
    readonly scope: Scope
    readonly condition: RawBuilder<SqlBool> | null
    readonly range?: Range
    readonly order?: SortOrder
    readonly most: number
  },
): Promise<readonly Row[]> {
  const { scope, condition, range = { above: undefined, below: undefined }, order = 'desc', most } = look
  const facet = sql.raw(facetSql(dialect, 't'))
  const inScope = sql.join(
    Object.entries({ owner: scope.owner, music_task_id: scope.musicTaskId, audio_id: scope.audioId })
      .filter(([, value]) => value !== undefined)
      .map(([column, value]) => sql`${sql.ref(`t.${column}`)} = ${value}`),
    sql` and `,
  )
  const fitting = condition ?? sql<SqlBool>`facets.facet is not null`
  // Which facets there are is found by a seek for each.
  const facets = sql`
    with recursive facets(facet) as (
      select * from (select ${facet} as facet from tasks t where ${inScope} order by ${facet} limit 1) first_facet
      union all
      select (
        select ${facet} from tasks t where ${inScope} and ${facet} > facets.facet order by ${facet} limit 1
      ) from facets where facets.facet is not null
    )`
  const ofFacet = sql`
    from tasks t where ${inScope} and ${facet} = facets.facet ${within(range)} order by ${placeIn(order)} limit ${most}`
  const { rows } =
    dialect === 'postgres'
      ? await sql<Row>`
          ${facets}
          select t.task from facets cross join lateral (select t.task, t.created_at, t.id ${ofFacet}) t
          where ${fitting} order by ${placeIn(order)}`.execute(db)
      : await sql<Row>`
          ${facets}
          select t.task from tasks t where t.id in (
            select found.id from facets cross join tasks found on found.id in (select t.id ${ofFacet}) where ${fitting}
          ) order by ${placeIn(order)}`.execute(db)
  return rows
}

/** What is ordered at a time stands above this place. */
function startOf(timeMs: number | undefined): TaskCursor | undefined {
  return timeMs === undefined ? undefined : { createdAtMs: timeMs, id: '' }
}

/**
 * The last of some places in the order of creation; the first one for a sign of -1. An index is entered at one place: were
 * there two conditions, it would be entered at either, and the rows up to the other one be looked at.
 */
function last(places: readonly (TaskCursor | undefined)[], sign = 1): TaskCursor | undefined {
  const given = places.filter((createOrder) => createOrder !== undefined)
  return given.toSorted((a, b) => sign * (b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1)))[0]
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

function placeIn(order: SortOrder): RawBuilder<unknown> {
  return order === 'asc' ? sql`t.created_at asc, t.id asc` : sql`t.created_at desc, t.id desc`
}
