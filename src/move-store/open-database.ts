import { sql, type Kysely } from 'kysely'
import type { DatabaseAddress } from '../stores/database/database-url.ts'
import { withRetry } from '../stores/database/with-retry.ts'
import type { Database } from '../stores/database/tables.ts'
import type { Log } from '../runtime/log.ts'

/** A migrated database, opened by a tool instead of a gateway. */
export interface OpenDatabase {
  readonly db: Kysely<Database>
  /** Identifies the database, whatever URL was used to connect; null for a file. */
  readonly identity: string | null
  /** Runs work and retries transient errors; see `withRetry`. */
  readonly attempt: <T>(work: () => Promise<T>) => Promise<T>
}

/** Longer than a gateway retries, since no caller is waiting. */
const giveUpAfterMs = 10_000

/** Opens the database and migrates it. Loads only the driver that it needs. Throws if it is unreachable or cannot be migrated. */
export async function openDatabase(database: DatabaseAddress, log: Log): Promise<OpenDatabase> {
  switch (database.kind) {
    case 'sqlite': {
      const { openSqlite } = await import('../stores/sqlite/sqlite-store.ts')
      const { classifySqliteError } = await import('../stores/sqlite/sqlite-errors.ts')
      const { db } = await openSqlite(database.path, log)
      return {
        db,
        identity: null,
        attempt: (work) => withRetry(work, { giveUpAfterMs, classify: classifySqliteError }),
      }
    }
    case 'postgres': {
      const { openPostgres } = await import('../stores/postgres/postgres-store.ts')
      const { classifyPostgresError } = await import('../stores/postgres/postgres-errors.ts')
      // Without the statement timeout: counting the rows of a large table takes longer.
      const { migrationLimits } = await import('../stores/postgres/postgres-dialect.ts')
      const db = await openPostgres(database.url, log, migrationLimits)
      const attempt = <T>(work: () => Promise<T>) => withRetry(work, { giveUpAfterMs, classify: classifyPostgresError })
      try {
        return { db, identity: await attempt(() => identityOf(db)), attempt }
      } catch (error) {
        await db.destroy()
        throw error
      }
    }
  }
}

/** A server may have several names and ports, but has one start time. */
async function identityOf(db: Kysely<Database>): Promise<string> {
  const { rows } = await sql<{ identity: string }>`
    select concat_ws(' ', pg_postmaster_start_time(), current_database(), current_schema()) as identity`.execute(db)
  const [row] = rows
  if (row === undefined) throw new Error('PostgreSQL returned no database identity.')
  return row.identity
}
