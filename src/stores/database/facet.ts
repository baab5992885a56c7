import { sql, type RawBuilder, type SqlBool } from 'kysely'
import type { TaskFilter } from '../../separation/store/task-reader.ts'

export type Dialect = 'sqlite' | 'postgres'

/**
 * Reads the failure code from the stored JSON, because older gateways write no column for it. PostgreSQL uses a regular
 * expression, since `jsonb` rejects some valid JSON strings. Only a key can match it: quotes inside values are escaped.
 */
const failureCode = {
  sqlite: (task: string) => `json_extract(${task}, '$.failure.code')`,
  postgres: (task: string) => `substring(${task} from '"code":"([A-Z_]+)"')`,
} as const satisfies Record<Dialect, (task: string) => string>

/**
 * The facet of a task: the filterable properties that have few values, as one text, such as
 * `/kie/split_stem/CHARGED/GENERATE_AUDIO_FAILED/NO_RESULT/`. Queries must use this exact expression to match the indexes.
 */
export function facetSql(dialect: Dialect, table = ''): string {
  const column = (name: string) => (table === '' ? name : `${table}.${name}`)
  const [provider, type, charge, status] = ['provider', 'type', 'charge', 'status'].map(column)
  const code = failureCode[dialect](column('task'))
  const codeIfFailed = `case when ${status} in ('PENDING', 'SUCCESS') then '' else coalesce(${code}, '') end`
  return `('/' || ${provider} || '/' || coalesce(${type}, '') || '/' || ${charge} || '/' || ${status} || '/' || ${codeIfFailed} || '/')`
}

/** The condition that a facet must meet to match the filter; null if every facet matches. */
export function facetCondition(
  { provider, type, charge, status, settled, failureCode: codes }: TaskFilter,
  facet: RawBuilder<string>,
): RawBuilder<SqlBool> | null {
  const has = (value: string) => sql<SqlBool>`${facet} like ${`%/${value}/%`}`
  // A substring match is enough: no two properties share a value.
  const conditions = [
    ...[provider, type].filter((value) => value !== undefined).map(has),
    ...[charge, status, codes]
      .filter((values) => values !== undefined)
      .map((values) => sql<SqlBool>`(${sql.join([...new Set(values)].map(has), sql` or `)})`),
    ...(settled === undefined ? [] : [settled ? sql<SqlBool>`not ${has('PENDING')}` : has('PENDING')]),
  ]
  return conditions.length === 0 ? null : sql<SqlBool>`(${sql.join(conditions, sql` and `)})`
}
