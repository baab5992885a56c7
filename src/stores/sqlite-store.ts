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

/** How long to wait for the lock of another process. */
const retryOptions = { giveUpAfterMs: 3_000, classify: classifySqliteError }

/** While opening, an error such as "file is not a database" is thrown unchanged. */
const openOptions: RetryOptions = {
  ...retryOptions,
  classify: (error) => (classifySqliteError(error) === 'transient' ? 'transient' : 'fatal'),
}

/**
 * Opens the store in an SQLite file, or in memory for `:memory:`, and migrates it. Throws if the file cannot be opened or
 * was written by a newer version.
 */
export async function openSqliteStore(path: string, log?: Log): Promise<Store> {
  const db = await openSqlite(path, log)
  const store = createKyselyStore(db, {
    dialect: 'sqlite',
    attempt: (work) => withRetry(work, retryOptions),
    // Each transaction locks the whole file.
    lockTrack: async () => {},
    hasRowLocks: false,
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

/** Opens the file and migrates it. */
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
