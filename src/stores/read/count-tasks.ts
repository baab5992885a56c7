import { sql, type Kysely, type RawBuilder } from 'kysely'
import { facetCondition, facetSql, type Dialect } from '../database/facet.ts'
import { firstRowOf, type Job } from '../database/job.ts'
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
} from './task-conditions.ts'
import type { TaskFilter } from '../../separation/store/task-reader.ts'

/** The number of an owner's tasks that match the filter, but at most `limit`: it reads no more than that many in an index. */
export function* countTasks(
  db: Kysely<Database>,
  dialect: Dialect,
  owner: string,
  where: TaskFilter,
  limit: number,
): Job<number> {
  if (matchesNothing(where)) return 0
  const { musicTaskId, audioId, reference } = where
  const isWithin = within(rangeOf(where))
  const facet = sql.raw<string>(facetSql(dialect, 't'))
  if (isByReference(where)) {
    const scope = conditionOf({ owner, musicTaskId, audioId })
    const facets = facetCondition(where, facet) ?? sql`true`
    return yield* countRows(
      db,
      sql`from tasks t where ${scope} ${withinReferences(where)} and ${facets} ${isWithin}`,
      limit,
    )
  }
  const condition = facetCondition(where, sql`facets.facet`)
  if (condition === null && isOfAll(where)) {
    return yield* countRows(db, sql`from tasks t where t.owner = ${owner} ${isWithin}`, limit)
  }
  const scope = { owner, musicTaskId, audioId, reference }
  const ofFacet = sql`${conditionOf(scope)} and ${facet} = facets.facet ${isWithin}`
  const matching = condition ?? sql`facets.facet is not null`
  // The order of the joins is fixed: each facet that matches is a range of the index.
  const from =
    dialect === 'postgres'
      ? sql`
          from facets cross join lateral (select 1 from tasks t where ${ofFacet} limit ${limit}) t where ${matching}`
      : sql`from facets cross join tasks t where ${matching} and ${ofFacet}`
  return yield* countRows(db, from, limit, facetsOf(dialect, scope))
}

/** The number of rows, but at most `limit`. */
export function* countRows(
  db: Kysely<Database>,
  from: RawBuilder<unknown>,
  limit: number,
  before: RawBuilder<unknown> = sql``,
): Job<number> {
  const counted = yield* firstRowOf(
    sql<{ count: number | string }>`
      ${before} select count(*) as count from (select 1 ${from} limit ${limit}) matches`.compile(db),
  )
  return Number(counted?.count ?? 0)
}
