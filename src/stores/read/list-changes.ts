import { sql, type Kysely } from 'kysely'
import type { ChangeCursor, TaskChange } from '../../separation/store/change-reader.ts'
import { firstRowOf, rowsOf, type Job } from '../database/job.ts'
import type { Database } from '../database/tables.ts'

/** The rows of an owner's changes after a cursor, oldest change first. Reads as many rows as it returns. */
export function* listChanges(
  db: Kysely<Database>,
  owner: string,
  { after, limit }: { readonly after: ChangeCursor; readonly limit: number },
): Job<readonly TaskChange[]> {
  const rows = yield* rowsOf(
    sql<{ id: string; revision: number; changed_at: number | string }>`
      select t.id, t.revision, t.changed_at from tasks t
      where t.owner = ${owner} and (t.changed_at, t.id) > (${after.position}, ${after.id})
      order by t.changed_at, t.id limit ${limit}`.compile(db),
  )
  return rows.map(({ id, revision, changed_at: position }) => ({ id, revision, position: Number(position) }))
}

/** The position of the owner's newest change; 0 if there is none. Reads one row. */
export function* latestPosition(db: Kysely<Database>, owner: string): Job<number> {
  const row = yield* firstRowOf(
    sql<{ changed_at: number | string }>`
      select t.changed_at from tasks t where t.owner = ${owner} and t.changed_at is not null
      order by t.changed_at desc, t.id desc limit 1`.compile(db),
  )
  return Number(row?.changed_at ?? 0)
}
