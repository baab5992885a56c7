import { closeSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type DatabaseSyncInstance, type StatementSyncInstance } from '@photostructure/sqlite'
import type { SqliteDatabase, SqliteStatement } from 'kysely'

/** An open database: a file, or one in memory. Prepares each statement once. */
export interface SqliteFile extends SqliteDatabase {
  /** Whether a transaction is open. */
  isInTransaction(): boolean
}

const maxCachedStatements = 500

/**
 * Opens an SQLite file or `:memory:`. Uses WAL and `synchronous = FULL`, so that a commit is on disk when it returns; SQLite
 * opens existing files with less unless it is set. SQLite's own lock timeout is 0, because it would block the event loop:
 * `withRetry` waits instead.
 */
export function openSqliteFile(path: string): SqliteFile {
  if (path !== ':memory:') {
    mkdirSync(dirname(path), { recursive: true })
    // Readable by the owner only: the file contains the secret that signs callback URLs.
    closeSync(openSync(path, 'a', 0o600))
  }
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
  } catch (error) {
    database.close()
    throw error
  }
  return withCachedStatements(database, path)
}

function withCachedStatements(database: DatabaseSyncInstance, path: string): SqliteFile {
  const openedFile = fileAt(path)
  const statements = new Map<string, SqliteStatement>()
  return {
    isInTransaction: () => database.isTransaction,
    close() {
      // SQLite removes the -wal and -shm files by name. If the path was replaced, they belong to another database.
      if (openedFile !== null && fileAt(path) === openedFile) mergeIntoOneFile(database)
      database.close()
    },
    prepare(sql) {
      // Take the write lock first: a transaction that reads before it writes cannot get the lock if another process wrote.
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

/** The device and inode of the file at the path; null if there is none. */
function fileAt(path: string): string | null {
  const file = statSync(path, { bigint: true, throwIfNoEntry: false })
  return file === undefined ? null : `${file.dev} ${file.ino}`
}

/**
 * SQLite rolls back by itself on a full disk or a read error, https://www.sqlite.org/lang_transaction.html. A second
 * rollback is an error, and it would be reported in place of the original one.
 */
function rollbackOf(database: DatabaseSyncInstance): SqliteStatement {
  const rollback = adapt(database.prepare('rollback'))
  const noChange = { changes: 0, lastInsertRowid: 0 }
  return { ...rollback, run: (parameters) => (database.isTransaction ? rollback.run(parameters) : noChange) }
}

/**
 * Merges the WAL into the database file and removes the -wal and -shm files. SQLite does not do it at close, because the
 * driver leaves statements to the garbage collector. While another process has the file open, they stay, but empty.
 */
function mergeIntoOneFile(database: DatabaseSyncInstance): void {
  for (const pragma of ['journal_mode = DELETE', 'wal_checkpoint(TRUNCATE)']) {
    try {
      database.exec(`PRAGMA ${pragma}`)
      return
    } catch {
      // The file is locked or the disk is full. The files still contain everything that was committed.
    }
  }
}

function adapt(statement: StatementSyncInstance): SqliteStatement {
  const values = (parameters: readonly unknown[]) => parameters.map(toSqlValue)
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate(parameters) {
      return statement.iterate(...values(parameters))
    },
  }
}

function toSqlValue(value: unknown): string | number | bigint | null {
  // The driver silently truncates text at NUL, so two different texts could become equal.
  if (typeof value === 'string' && value.includes('\0')) throw new TypeError('SQLite cannot store text with NUL.')
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    return value
  throw new TypeError(`SQLite cannot store a value of type ${typeof value}.`)
}
