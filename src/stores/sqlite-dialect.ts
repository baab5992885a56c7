import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type DatabaseSyncInstance, type StatementSyncInstance } from '@photostructure/sqlite'
import { SqliteDialect, type SqliteDatabase, type SqliteStatement } from 'kysely'

const maxCachedStatements = 500

/**
 * Opens a file of SQLite, or `:memory:`, for Kysely. WAL, and every commit reaches the disk before it returns: an old
 * file would otherwise be opened with less. Nothing waits inside SQLite for another process's lock, because that would
 * hold up the whole event loop: see `patiently`.
 */
export function createSqliteDialect(path: string): SqliteDialect {
  if (path !== ':memory:') {
    mkdirSync(dirname(path), { recursive: true })
    // The file keeps the secret that signs callback addresses.
    closeSync(openSync(path, 'a', 0o600))
  }
  const database = new DatabaseSync(path, { timeout: 0 })
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
  return new SqliteDialect({ database: withCachedStatements(database) })
}

function withCachedStatements(database: DatabaseSyncInstance): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>()
  return {
    close: () => database.close(),
    prepare(sql) {
      // A transaction that reads first and then writes could not be given the lock any more if another process took it.
      const text = sql === 'begin' ? 'begin immediate' : sql
      const cached = statements.get(text)
      if (cached !== undefined) return cached
      const statement = adapt(database.prepare(text))
      if (statements.size >= maxCachedStatements) statements.clear()
      statements.set(text, statement)
      return statement
    },
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
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    return value
  throw new TypeError(`SQLite keeps no ${typeof value}.`)
}
