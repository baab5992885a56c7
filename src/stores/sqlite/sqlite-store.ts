import { Kysely } from 'kysely'
import { createCheckpoint } from './create-checkpoint.ts'
import { createGroupCommit } from './group-commit.ts'
import type { Run } from '../database/database-traits.ts'
import { inOneRead } from '../database/in-one-read.ts'
import { runAtOnce } from '../database/job.ts'
import { createKnownRevisions } from './known-revisions.ts'
import { createKyselyStore } from '../kysely-store.ts'
import { migrate, type PrepareTables } from '../migrations/migrate.ts'
import { createCheckDatabaseFile } from './check-database-file.ts'
import { withRetry, type RetryOptions } from '../database/with-retry.ts'
import type { Database } from '../database/tables.ts'
import { createSqliteDialect } from './sqlite-dialect.ts'
import { classifySqliteError } from './sqlite-errors.ts'
import { openSqliteFile, type SqliteFile } from './sqlite-file.ts'
import { createRunQuery } from './sqlite-query.ts'
import { observedRuns, unobserved } from '../database/store-observer.ts'
import type { Log } from '../../runtime/log.ts'
import type { Store } from '../../separation/store/store.ts'

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
export async function openSqliteStore(
  path: string,
  log?: Log,
  observer = unobserved,
  prepareTables: PrepareTables = migrate,
): Promise<Store> {
  const { db, file } = await openSqlite(path, log, prepareTables)
  const runQuery = createRunQuery(file)
  const { transact, settled } = createGroupCommit({
    runQuery,
    execute: (sql) => file.prepare(sql).run([]),
    isInTransaction: file.isInTransaction,
    retry: retryOptions,
  })
  const read: Run = (job) => withRetry(async () => runAtOnce(job(), runQuery), retryOptions)
  const known = createKnownRevisions(db, runQuery)
  const readRevisions = (ids: readonly string[]) => withRetry(async () => known.of(ids), retryOptions)
  const store = createKyselyStore(db, {
    dialect: 'sqlite',
    ...observedRuns({ read, write: transact, transact }, observer),
    lockTrack: null,
    inOwnersTurn: (_owner, work) => work(),
    revisions: inOneRead((ids) => observer.measure('revisions', () => readRevisions(ids))),
    foreignCommits: () => withRetry(async () => known.fileVersion(), retryOptions),
    // Else the log grows to 1,000 pages before the commit of some order writes all of them to the file.
    afterLargeWrite: createCheckpoint(file, log),
    onRevision: known.forget,
    rateCounter: null,
    hasRowLocks: false,
    clock: { nowMs: () => Date.now() },
    async close() {
      await settled()
      await db.destroy()
    },
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

/** An SQLite file, and Kysely on it. */
export interface OpenSqlite {
  readonly db: Kysely<Database>
  readonly file: SqliteFile
}

/** Opens the file and migrates it. */
export async function openSqlite(path: string, log?: Log, prepareTables: PrepareTables = migrate): Promise<OpenSqlite> {
  const file = await withRetry(async () => openSqliteFile(path), openOptions)
  const db = new Kysely<Database>({ dialect: createSqliteDialect(file) })
  try {
    await prepareTables(db, retryOptions, log)
    return { db, file }
  } catch (error) {
    await db.destroy()
    throw error
  }
}
