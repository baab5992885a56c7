import { Kysely } from 'kysely'
import { createKyselyStore } from './kysely-store.ts'
import { migrate } from './migrate.ts'
import { createCheckDatabaseFile } from './check-database-file.ts'
import { withRetry, type RetryOptions } from './with-retry.ts'
import type { Database } from './schema.ts'
import { createSqliteDialect } from './sqlite-dialect.ts'
import { classifySqliteError } from './sqlite-errors.ts'
import type { Log } from '../runtime/log.ts'
import type { Store } from '../separation/store.ts'

/** Waits for another process's lock. */
const retryOptions = { giveUpAfterMs: 3_000, classify: classifySqliteError }

/** A file that is no database, or cannot be read, is told of as it is. */
const openOptions: RetryOptions = {
  ...retryOptions,
  classify: (error) => (classifySqliteError(error) === 'transient' ? 'transient' : 'fatal'),
}

/**
 * Opens the store in a file of SQLite, or in memory for `:memory:`, and brings its tables up to date.
 * Throws if the file cannot be opened or was written by a later version.
 */
export async function openSqliteStore(path: string, log?: Log): Promise<Store> {
  const db = await openSqlite(path, log)
  const store = createKyselyStore(db, {
    dialect: 'sqlite',
    attempt: (work) => withRetry(work, retryOptions),
    // A transaction has the whole file for itself.
    lockTrack: async () => {},
    supportsSkipLocked: false,
    clock: { nowMs: () => Date.now() },
    close: () => db.destroy(),
  })
  if (path === ':memory:') return store
  const checkDatabaseFile = await createCheckDatabaseFile(path)
  return {
    ...store,
    async checkWritable() {
      await checkDatabaseFile()
      await store.checkWritable()
    },
  }
}

/** The file's tables, up to date. */
export async function openSqlite(path: string, log?: Log): Promise<Kysely<Database>> {
  const db = await withRetry(async () => new Kysely<Database>({ dialect: createSqliteDialect(path) }), openOptions)
  try {
    await migrate(db, retryOptions, log)
    return db
  } catch (error) {
    await db.destroy()
    throw error
  }
}
