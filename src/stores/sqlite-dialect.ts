import { closeSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type DatabaseSyncInstance, type StatementSyncInstance } from '@photostructure/sqlite'
import { SqliteAdapter, SqliteDialect, type Dialect, type SqliteDatabase, type SqliteStatement } from 'kysely'

const maxCachedStatements = 500

/**
 * Opens a file of SQLite, or `:memory:`, for Kysely. WAL, and every commit reaches the disk before it returns: an old
 * file would otherwise be opened with less. Nothing waits inside SQLite for another process's lock, because that would
 * hold up the whole event loop: see `withRetry`.
 */
export function createSqliteDialect(path: string): Dialect {
  if (path !== ':memory:') {
    mkdirSync(dirname(path), { recursive: true })
    // The file keeps the secret that signs callback addresses.
    closeSync(openSync(path, 'a', 0o600))
  }
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
  } catch (error) {
    database.close()
    throw error
  }
  const dialect = new SqliteDialect({ database: withCachedStatements(database, path) })
  return {
    createAdapter: () => new TransactionalAdapter(),
    createDriver: () => dialect.createDriver(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
  }
}

/** SQLite makes tables within transactions, which Kysely does not trust it to: a migration is done whole or not at all. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl() {
    return true
  }
}

function withCachedStatements(database: DatabaseSyncInstance, path: string): SqliteDatabase {
  const own = fileAt(path)
  const statements = new Map<string, SqliteStatement>()
  return {
    close() {
      // The files beside it are removed by their names, which may by now be those of another database.
      if (own !== null && fileAt(path) === own) mergeIntoOneFile(database)
      database.close()
    },
    prepare(sql) {
      // A transaction that reads first and then writes could not be given the lock any more if another process took it.
      const text = sql === 'begin' ? 'begin immediate' : sql
      const cached = statements.get(text)
      if (cached !== undefined) return cached
      const statement = text === 'rollback' ? rollbackOf(database) : adapt(database.prepare(text))
      if (statements.size >= maxCachedStatements) statements.clear()
      statements.set(text, statement)
      return statement
    },
  }
}

/** Which file a path leads to; null if there is none. */
function fileAt(path: string): string | null {
  const file = statSync(path, { bigint: true, throwIfNoEntry: false })
  return file === undefined ? null : `${file.dev} ${file.ino}`
}

/**
 * SQLite has rolled back already when the disk is full or cannot be read, https://www.sqlite.org/lang_transaction.html.
 * To do it again is an error, by which Kysely would replace the first one.
 */
function rollbackOf(database: DatabaseSyncInstance): SqliteStatement {
  const rollback = adapt(database.prepare('rollback'))
  const nothing = { changes: 0, lastInsertRowid: 0 }
  return { ...rollback, run: (parameters) => (database.isTransaction ? rollback.run(parameters) : nothing) }
}

/**
 * Brings everything into the one file and removes the others. The driver leaves statements to the garbage collector, so that
 * SQLite would not do so when it closes. While another process has the file open, the others stay, but are empty.
 */
function mergeIntoOneFile(database: DatabaseSyncInstance): void {
  for (const pragma of ['journal_mode = DELETE', 'wal_checkpoint(TRUNCATE)']) {
    try {
      database.exec(`PRAGMA ${pragma}`)
      return
    } catch {
      // The file is locked, or the disk is full: all that was committed is in the files as they are.
    }
  }
}

function adapt(statement: StatementSyncInstance): SqliteStatement {
  const values = (parameters: readonly unknown[]) => parameters.map(sqlValue)
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate(parameters) {
      return statement.iterate(...values(parameters))
    },
  }
}

function sqlValue(value: unknown): string | number | bigint | null {
  // The driver would cut it there without a word, and two texts would become one.
  if (typeof value === 'string' && value.includes('\0')) throw new TypeError('SQLite keeps no text with a NUL in it.')
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    return value
  throw new TypeError(`SQLite keeps no ${typeof value}.`)
}
