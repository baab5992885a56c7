import { Kysely } from 'kysely'
import { createKyselyStore } from './kysely-store.ts'
import { bringUpToDate } from './migrate.ts'
import { createCheckOwnFile } from './database-file.ts'
import { patiently, type Patience } from './with-retry.ts'
import type { Database } from './schema.ts'
import { createSqliteDialect } from './sqlite-dialect.ts'
import { sqliteTroubleOf } from './sqlite-errors.ts'
import type { Log } from '../runtime/log.ts'
import type { Store } from '../separation/store.ts'

/** Waits for another process's lock. */
const patience = { patienceMs: 3_000, troubleOf: sqliteTroubleOf }

/** A file that is no database, or cannot be read, is told of as it is. */
const opening: Patience = {
  ...patience,
  troubleOf: (error) => (sqliteTroubleOf(error) === 'passing' ? 'passing' : 'ours'),
}

/**
 * Opens the store in a file of SQLite, or in memory for `:memory:`, and brings its tables up to date.
 * Throws if the file cannot be opened or was written by a later version.
 */
export async function openSqliteStore(path: string, log?: Log): Promise<Store> {
  const db = await openSqlite(path, log)
  const store = createKyselyStore(db, {
    dialect: 'sqlite',
    attempt: (work) => patiently(work, patience),
    // A transaction has the whole file for itself.
    lockTrack: async () => {},
    skipsLocked: false,
    clock: { nowMs: () => Date.now() },
    close: () => db.destroy(),
  })
  if (path === ':memory:') return store
  const checkOwnFile = await createCheckOwnFile(path)
  return {
    ...store,
    async tryWriting() {
      await checkOwnFile()
      await store.tryWriting()
    },
  }
}

/** The file's tables, up to date. */
export async function openSqlite(path: string, log?: Log): Promise<Kysely<Database>> {
  const db = await patiently(async () => new Kysely<Database>({ dialect: createSqliteDialect(path) }), opening)
  try {
    await bringUpToDate(db, patience, log)
    return db
  } catch (error) {
    await db.destroy()
    throw error
  }
}
