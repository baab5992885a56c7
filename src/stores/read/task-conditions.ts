import { sql, type RawBuilder } from 'kysely'
import { endOfPrefix } from './end-of-prefix.ts'
import { facetSql, type Dialect } from '../database/facet.ts'
import type { TaskCursor, TaskFilter, TaskPage } from '../../separation/store/task-reader.ts'

// The parts of queries for an owner's tasks (as `t`) that match a filter.

/** The tasks to search: those of an owner, optionally of one music task or track, or with one reference. */
export interface Scope {
  readonly owner: string
  readonly reference?: string | undefined
  readonly musicTaskId?: string | null | undefined
  readonly audioId?: string | null | undefined
}

/** The bounds of a list, both exclusive. */
export interface Range {
  readonly above: TaskCursor | undefined
  readonly below: TaskCursor | undefined
}

/** Whether the filter names no value of a property, so that no task has one. */
export function matchesNothing({ status, charge, failureCode }: TaskFilter): boolean {
  return [status, charge, failureCode].some((values) => values?.length === 0)
}

/** Whether the tasks are found by their references, of which there are many. */
export function isByReference({ reference, referencePrefix, ...where }: TaskFilter): boolean {
  return referencePrefix !== undefined || (reference !== undefined && !isOfAll(where))
}

/** Whether the filter names neither a track nor a reference. */
export function isOfAll({ musicTaskId, audioId, reference }: TaskFilter): boolean {
  return musicTaskId === undefined && audioId === undefined && reference === undefined
}

/** The bounds of the creation of tasks that match the filter, within a page. */
export function rangeOf(where: TaskFilter, { after, before }: Pick<TaskPage, 'after' | 'before'> = {}): Range {
  return {
    above: latest([before, startOf(where.createdAfterMs)]),
    below: latest([after, startOf(where.createdBeforeMs)], -1),
  }
}

/** Begins a query: `facets` are those of the tasks in the scope. Finds each with one index seek. The last one is null. */
export function facetsOf(dialect: Dialect, scope: Scope): RawBuilder<unknown> {
  const facet = sql.raw(facetSql(dialect, 't'))
  const inScope = conditionOf(scope)
  return sql`
    with recursive facets(facet) as (
      select * from (select ${facet} as facet from tasks t where ${inScope} order by ${facet} limit 1) first_facet
      union all
      select (
        select ${facet} from tasks t where ${inScope} and ${facet} > facets.facet order by ${facet} limit 1
      ) from facets where facets.facet is not null
    )`
}

/** The condition that the reference of a task matches the filter, after another condition. */
export function withinReferences({ reference, referencePrefix: prefix }: TaskFilter): RawBuilder<unknown> {
  const end = prefix === undefined ? null : endOfPrefix(prefix)
  return sql.join(
    [
      ...(reference === undefined ? [] : [sql`and t.reference = ${reference}`]),
      ...(prefix === undefined ? [] : [sql`and t.reference >= ${prefix}`]),
      ...(end === null ? [] : [sql`and t.reference < ${end}`]),
    ],
    sql` `,
  )
}

/** The condition that a task is in the scope. */
export function conditionOf(scope: Scope): RawBuilder<unknown> {
  const { owner, reference, musicTaskId, audioId } = scope
  return sql.join(
    Object.entries({ owner, reference, music_task_id: musicTaskId, audio_id: audioId })
      .filter(([, value]) => value !== undefined)
      .map(([column, value]) => sql`${sql.ref(`t.${column}`)} = ${value}`),
    sql` and `,
  )
}

/** The cursor just below every task that was created at this time. */
function startOf(timeMs: number | undefined): TaskCursor | undefined {
  return timeMs === undefined ? undefined : { createdAtMs: timeMs, id: '' }
}

/**
 * The latest of the cursors by creation; the earliest for a sign of -1. The query uses only one bound per side: with two,
 * the database would seek to either and read all rows up to the other.
 */
function latest(cursors: readonly (TaskCursor | undefined)[], sign = 1): TaskCursor | undefined {
  const defined = cursors.filter((cursor) => cursor !== undefined)
  return defined.toSorted((a, b) => sign * (b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1)))[0]
}

/** The condition that a task is in the range, after another condition. */
export function within({ above, below }: Range): RawBuilder<unknown> {
  return sql.join(
    [
      ...(above === undefined ? [] : [sql`and (t.created_at, t.id) > (${above.createdAtMs}, ${above.id})`]),
      ...(below === undefined ? [] : [sql`and (t.created_at, t.id) < (${below.createdAtMs}, ${below.id})`]),
    ],
    sql` `,
  )
}
