import type { CompiledQuery, QueryResult } from 'kysely'
import type { SqliteFile } from './sqlite-file.ts'

/** Runs a query at once. */
export type RunQuery = (query: CompiledQuery) => QueryResult<unknown>

/** Runs queries on an open file without waiting, in the way of Kysely's own driver. */
export function createRunQuery(file: SqliteFile): RunQuery {
  return function runQuery({ sql, parameters }) {
    const statement = file.prepare(sql)
    if (statement.reader) return { rows: statement.all(parameters) }
    return { rows: [], numAffectedRows: BigInt(statement.run(parameters).changes) }
  }
}
