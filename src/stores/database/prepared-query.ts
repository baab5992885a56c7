import { sql, type CompiledQuery, type RawBuilder } from 'kysely'
import { compiled, type Query } from './job.ts'

/** Stands in a query for a value that each run has of its own. */
export type Placeholder<V> = <N extends keyof V>(name: N) => RawBuilder<V[N]>

/**
 * A query that is built and compiled once, at its first run. To build a query costs more than to run it on SQLite.
 * @param build builds the query with placeholders for its values
 * @returns the query with these values
 */
export function prepareQuery<V, R>(build: (value: Placeholder<V>) => Query<R>): (values: V) => CompiledQuery<R> {
  const names = new Map<unknown, keyof V>()
  let query: CompiledQuery<R> | null = null

  function placeholder<N extends keyof V>(name: N): RawBuilder<V[N]> {
    const parameter = { placeholder: name }
    names.set(parameter, name)
    return sql<V[N]>`${parameter}`
  }

  return (values) => {
    query ??= compiled(build(placeholder))
    const parameters = query.parameters.map((parameter) => {
      const name = names.get(parameter)
      return name === undefined ? parameter : values[name]
    })
    return { ...query, parameters }
  }
}
