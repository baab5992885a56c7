import { sql, type Kysely } from 'kysely'
import type { OwnerPosition } from '../separation/store.ts'
import type { Dialect } from './facet.ts'
import { rowsOf, type Job } from './job.ts'
import type { Database } from './schema.ts'

/** The owners and positions as rows, from one parameter. */
const watchedOwners = {
  sqlite: (json: string) => sql`(select value ->> 0 as owner, value ->> 1 as position from json_each(${json}))`,
  postgres: (json: string) =>
    sql`(select value ->> 0 as owner, (value ->> 1)::bigint as position from json_array_elements(${json}::json))`,
} as const satisfies Record<Dialect, (json: string) => unknown>

/** See `TaskReader.revisionSums`. One seek for each owner, and the rows of its changes after the position. */
export function* revisionSums(
  db: Kysely<Database>,
  dialect: Dialect,
  owners: readonly OwnerPosition[],
): Job<ReadonlyMap<string, number>> {
  if (owners.length === 0) return new Map()
  const json = JSON.stringify(owners.map(({ owner, position }) => [owner, position]))
  const rows = yield* rowsOf(
    sql<{ owner: string; total: number | string | null }>`
      select w.owner, (
        select sum(t.revision) from tasks t where t.owner = w.owner and t.changed_at >= w.position
      ) as total
      from ${watchedOwners[dialect](json)} w`.compile(db),
  )
  return new Map(rows.map(({ owner, total }) => [owner, Number(total ?? 0)]))
}
