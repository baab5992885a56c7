import pg from 'pg'
import type { DatabaseInspection } from '../database-inspection.ts'
import { compareMigrations } from '../migrations/compare-migrations.ts'

/** In milliseconds. */
const connectTimeoutMs = 5_000
const queryTimeoutMs = 5_000

/** Looks at a PostgreSQL database in read-only transactions. Rejects if it cannot be reached. */
export async function inspectPostgres(url: string): Promise<DatabaseInspection> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'stemgate',
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
  })
  client.on('error', () => {})
  await client.connect()
  try {
    const startedMs = Date.now()
    const { rows } = await client.query<{
      now: number
      is_read_only: boolean
      is_lossy: boolean
      may_create: boolean
      is_used: boolean
      may_write: boolean | null
    }>(`
      select (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
        current_setting('transaction_read_only') = 'on' as is_read_only,
        current_setting('synchronous_commit') = 'off' as is_lossy,
        coalesce(has_schema_privilege(current_schema(), 'create'), false) as may_create,
        to_regclass('kysely_migration') is not null as is_used,
        (select has_table_privilege(to_regclass('tasks'), 'select, insert, update')) as may_write`)
    const skewMs = (rows[0]?.now ?? NaN) - (startedMs + Date.now()) / 2
    const [row] = rows
    if (row === undefined) throw new Error('PostgreSQL returned no row.')
    const applied = row.is_used
      ? (await client.query<{ name: string }>('select name from kysely_migration order by name')).rows
      : []
    const state = compareMigrations(applied.map(({ name }) => name))
    const problem = row.is_read_only
      ? 'is read-only (a standby, or default_transaction_read_only)'
      : row.is_lossy
        ? 'has synchronous_commit = off: a crash could lose orders that were sent, and they would be charged twice'
        : row.may_write === false
          ? 'has tables that this user may not write to'
          : state.pending.length > 0 && !row.may_create
            ? 'has to be migrated, and this user may not create tables in it'
            : null
    return { ...state, problem, isNew: applied.length === 0, skewMs }
  } finally {
    await client.end()
  }
}
