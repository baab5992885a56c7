import { SqliteAdapter, SqliteDialect, type Dialect } from 'kysely'
import type { SqliteFile } from './sqlite-file.ts'

/** Kysely's dialect for an open SQLite database. */
export function createSqliteDialect(file: SqliteFile): Dialect {
  const dialect = new SqliteDialect({ database: file })
  return {
    createAdapter: () => new TransactionalAdapter(),
    createDriver: () => dialect.createDriver(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
  }
}

/** Runs each migration in a transaction. SQLite supports this; Kysely's adapter assumes that it does not. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl() {
    return true
  }
}
