import { sql, type Kysely } from 'kysely'
import type { DatabaseAddress } from '../stores/database-url.ts'
import { withRetry } from '../stores/with-retry.ts'
import type { Database } from '../stores/schema.ts'
import type { Log } from '../runtime/log.ts'

/** A database with its tables up to date, for work that is not a gateway's. */
export interface OpenDatabase {
  readonly db: Kysely<Database>
  /** The same for every address that leads to this database of a server's; null for a file. */
  readonly identity: string | null
  /** Runs work, again where its trouble may pass; see `withRetry`. */
  readonly attempt: <T>(work: () => Promise<T>) => Promise<T>
}

/** Nobody waits for an answer meanwhile. */
const giveUpAfterMs = 10_000

/** Opens the database, and loads its driver alone. Throws if it cannot be reached or brought up to date. */
export async function openDatabase(database: DatabaseAddress, log: Log): Promise<OpenDatabase> {
  switch (database.kind) {
    case 'sqlite': {
      const { openSqlite } = await import('../stores/sqlite-store.ts')
      const { classifySqliteError } = await import('../stores/sqlite-errors.ts')
      const db = await openSqlite(database.path, log)
      return {
        db,
        identity: null,
        attempt: (work) => withRetry(work, { giveUpAfterMs, classify: classifySqliteError }),
      }
    }
    case 'postgres': {
      const { openPostgres } = await import('../stores/postgres-store.ts')
      const { classifyPostgresError } = await import('../stores/postgres-errors.ts')
      // Counting takes as long as it takes.
      const { migrationLimits } = await import('../stores/postgres-dialect.ts')
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

/** A server has many names and ports; it was started once. */
async function identityOf(db: Kysely<Database>): Promise<string> {
  const { rows } = await sql<{ identity: string }>`
    select concat_ws(' ', pg_postmaster_start_time(), current_database(), current_schema()) as identity`.execute(db)
  const [row] = rows
  if (row === undefined) throw new Error('PostgreSQL has not said which database this is.')
  return row.identity
}
