import { sql, type Kysely, type RawBuilder, type SqlBool } from 'kysely'
import { facetCondition, facetSql, type Dialect } from '../database/facet.ts'
import { countRows } from './count-tasks.ts'
import { rowsOf, type Job } from '../database/job.ts'
import type { Database } from '../database/tables.ts'
import {
  conditionOf,
  facetsOf,
  isByReference,
  isOfAll,
  matchesNothing,
  rangeOf,
  within,
  withinReferences,
  type Range,
  type Scope,
} from './task-conditions.ts'
import { TooManyMatchesError } from '../../separation/errors.ts'
import type { TaskFilter, TaskPage } from '../../separation/store/task-reader.ts'

interface Row {
  readonly task: string
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
  if (matchesNothing(where)) return []
  const range = rangeOf(where, { after, before })
  const order = inverted ? 'asc' : 'desc'
  const { musicTaskId, audioId, reference } = where
  if (isByReference(where)) {
    return yield* listByReference(db, dialect, owner, { where, range, order, limit })
  }
  const condition = facetCondition(where, sql`facets.facet`)
  if (condition === null && isOfAll(where)) {
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
  const ofFacet = sql`
    from tasks t where ${inScope} and ${facet} = facets.facet ${within(range)} order by ${sortColumns(order)} limit ${limitPerFacet}`
  const newest =
    dialect === 'postgres'
      ? sql<Row>`
          ${facetsOf(dialect, scope)}
          select t.task from facets cross join lateral (select t.task, t.created_at, t.id ${ofFacet}) t
          where ${matching} order by ${sortColumns(order)}`
      : sql<Row>`
          ${facetsOf(dialect, scope)}
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
  const matches = yield* countRows(db, sql`from tasks t where ${inRange}`, maxMatches + 1)
  if (matches > maxMatches) throw new TooManyMatchesError(maxMatches)
  const facets = facetCondition(where, sql.raw(facetSql(dialect, 't')))
  return yield* rowsOf(
    sql<Row>`
      select t.task from tasks t where ${inRange} and ${conditionOf({ owner, musicTaskId, audioId })}
      ${facets === null ? sql`` : sql`and ${facets}`} ${within(range)}
      order by ${sortColumns(order)} limit ${limit}`.compile(db),
  )
}

function sortColumns(order: SortOrder): RawBuilder<unknown> {
  return order === 'asc' ? sql`t.created_at asc, t.id asc` : sql`t.created_at desc, t.id desc`
}
