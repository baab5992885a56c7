import type { Compilable, CompiledQuery, Kysely, QueryResult } from 'kysely'
import type { Database } from './tables.ts'

/**
 * Work on the database: yields queries and is given their results. A job can wait for nothing else, so that no transaction
 * is open for longer than its queries take. It may run more than once, each time from the start.
 */
export type Job<T> = Generator<CompiledQuery, T, QueryResult<unknown>>

/** A query whose rows have the type R. */
export type Query<R> = Compilable<R> | CompiledQuery<R>

/** The rows that the query returns. */
export function* rowsOf<R>(query: Query<R>): Job<readonly R[]> {
  const { rows } = yield compiled(query)
  if (!areRowsOf(query, rows)) throw new TypeError('A query returned something that is not a row.')
  return rows
}

/** The first row that the query returns. */
export function* firstRowOf<R>(query: Query<R>): Job<R | undefined> {
  const [row] = yield* rowsOf(query)
  return row
}

/** Runs the query. Returns how many rows it has written. */
export function* rowsWrittenBy(query: Query<unknown>): Job<number> {
  const { numAffectedRows } = yield compiled(query)
  return Number(numAffectedRows ?? 0)
}

/** The driver returns rows without a type. Kysely derives their type from the query. */
function areRowsOf<R>(_query: Query<R>, rows: readonly unknown[]): rows is readonly R[] {
  return rows.every((row) => typeof row === 'object')
}

/** The query as SQL with its parameters. */
export function compiled<R>(query: Query<R>): CompiledQuery<R> {
  return 'compile' in query ? query.compile() : query
}

/** Runs a job on a database that answers at once. */
export function runAtOnce<T>(job: Job<T>, execute: (query: CompiledQuery) => QueryResult<unknown>): T {
  let step = job.next()
  while (step.done !== true) step = job.next(execute(step.value))
  return step.value
}

/** Runs a job over a connection. It asks for no more of it than it needs: to compare whole Kyselys takes TypeScript seconds. */
export async function runJob<T>(job: Job<T>, db: Pick<Kysely<Database>, 'executeQuery'>): Promise<T> {
  let step = job.next()
  while (step.done !== true) step = job.next(await db.executeQuery(step.value))
  return step.value
}
