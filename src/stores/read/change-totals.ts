import { sql, type Kysely } from 'kysely'
import type { ChangeTotals, OwnerPosition } from '../../separation/store/change-reader.ts'
import type { Dialect } from '../database/facet.ts'
import { rowsOf, type Job } from '../database/job.ts'
import type { Database } from '../database/tables.ts'

/** The owners and positions as rows, from one parameter. */
const watchedOwners = {
  sqlite: (json: string) => sql`(select value ->> 0 as owner, value ->> 1 as position from json_each(${json}))`,
  postgres: (json: string) =>
    sql`(select value ->> 0 as owner, (value ->> 1)::bigint as position from json_array_elements(${json}::json))`,
} as const satisfies Record<Dialect, (json: string) => unknown>

/** See `ChangeReader.changeTotals`. One seek for each owner, and the rows of its changes after the position. */
export function* changeTotals(
  db: Kysely<Database>,
  dialect: Dialect,
  owners: readonly OwnerPosition[],
): Job<ReadonlyMap<string, ChangeTotals>> {
  if (owners.length === 0) return new Map()
  const json = JSON.stringify(owners.map(({ owner, position }) => [owner, position]))
  const rows = yield* rowsOf(
    sql<{ owner: string; count: number | string; revisions: number | string | null; latest: number | string | null }>`
      select w.owner, count(t.id) as count, sum(t.revision) as revisions, max(t.changed_at) as latest
      from ${watchedOwners[dialect](json)} w left join tasks t on t.owner = w.owner and t.changed_at >= w.position
      group by w.owner`.compile(db),
  )
  return new Map(
    rows.map(({ owner, count, revisions, latest }) => [
      owner,
      { count: Number(count), revisionSum: Number(revisions ?? 0), latest: Number(latest ?? 0) },
    ]),
  )
}
