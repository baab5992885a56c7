import { sql, type RawBuilder, type SqlBool } from 'kysely'
import type { TaskFilter } from '../separation/store.ts'

export type Dialect = 'sqlite' | 'postgres'

/**
 * Reads the failure's code out of the stored document, since gateways of an earlier version write no column for it.
 * PostgreSQL's `jsonb` refuses some texts that JSON allows. A quote within another value is escaped, so that only a key
 * can look like this one.
 */
const failureCode = {
  sqlite: (task: string) => `json_extract(${task}, '$.failure.code')`,
  postgres: (task: string) => `substring(${task} from '"code":"([A-Z_]+)"')`,
} as const satisfies Record<Dialect, (task: string) => string>

/**
 * The facet of a task: all that it can be listed by and that has few values, as one text, e.g.
 * `/kie/split_stem/CHARGED/GENERATE_AUDIO_FAILED/NO_RESULT/`. The indexes hold it, so a query has to spell it exactly so.
 */
export function facetSql(dialect: Dialect, table = ''): string {
  const column = (name: string) => (table === '' ? name : `${table}.${name}`)
  const [provider, type, charge, status] = ['provider', 'type', 'charge', 'status'].map(column)
  const code = failureCode[dialect](column('task'))
  const codeIfFailed = `case when ${status} in ('PENDING', 'SUCCESS') then '' else coalesce(${code}, '') end`
  return `('/' || ${provider} || '/' || coalesce(${type}, '') || '/' || ${charge} || '/' || ${status} || '/' || ${codeIfFailed} || '/')`
}

/** What a facet has to be like to fit the filter; null if any facet fits, or the filter names none of it. */
export function facetCondition(
  { provider, type, charge, status, settled, failureCode: codes }: TaskFilter,
  facet: RawBuilder<string>,
): RawBuilder<SqlBool> | null {
  const has = (value: string) => sql<SqlBool>`${facet} like ${`%/${value}/%`}`
  // No value of one kind is a value of another kind.
  const conditions = [
    ...[provider, type].filter((value) => value !== undefined).map(has),
    ...[charge, status, codes]
      .filter((values) => values !== undefined)
      .map((values) => sql<SqlBool>`(${sql.join([...new Set(values)].map(has), sql` or `)})`),
    ...(settled === undefined ? [] : [settled ? sql<SqlBool>`not ${has('PENDING')}` : has('PENDING')]),
  ]
  return conditions.length === 0 ? null : sql<SqlBool>`(${sql.join(conditions, sql` and `)})`
}
