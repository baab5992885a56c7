import { sql, type Kysely } from 'kysely'
import type { Backlog } from '../../separation/store/backlog-reader.ts'
import { providerNames, type ProviderName } from '../../separation/task/provider-name.ts'
import { dueNow, type Database } from '../database/tables.ts'
import { rowsOf, type Job } from '../database/job.ts'

interface PendingRow {
  readonly provider: string
  readonly pending: number
  readonly queued: number
  readonly oldest: number
}

interface OverdueRow {
  readonly provider: string
  readonly overdue: number
}

/**
 * A job that reads what waits: see `BacklogReader.backlog`. Each query reads an index alone, apart from the tasks that are due now,
 * of which there are few.
 */
export function* readBacklog(db: Kysely<Database>, overdueBeforeMs: number): Job<ReadonlyMap<ProviderName, Backlog>> {
  const pending = yield* rowsOf(
    sql<PendingRow>`
      select provider, count(*) as pending, min(created_at) as oldest,
        sum(case when charge = 'NONE' then 1 else 0 end) as queued
      from tasks where status = 'PENDING' group by provider`.compile(db),
  )
  const late = yield* rowsOf(
    sql<OverdueRow>`
      select provider, count(*) as overdue from tasks
      where provider in (${sql.join(providerNames)}) and due_at > ${dueNow} and due_at < ${overdueBeforeMs}
      group by provider`.compile(db),
  )
  // A callback makes its task due now, without a time.
  const lateNow = yield* rowsOf(
    sql<OverdueRow>`
      select provider, count(*) as overdue from tasks
      where provider in (${sql.join(providerNames)}) and due_at = ${dueNow}
        and (callback_at is null or callback_at < ${overdueBeforeMs})
      group by provider`.compile(db),
  )
  const backlogs = providerNames.map((name) => {
    const own = pending.find(({ provider }) => provider === name)
    const overdue = [...late, ...lateNow].filter(({ provider }) => provider === name)
    const backlog: Backlog = {
      pending: own?.pending ?? 0,
      queued: own?.queued ?? 0,
      oldestAtMs: own?.oldest ?? null,
      overdue: overdue.reduce((sum, row) => sum + row.overdue, 0),
    }
    return [name, backlog] as const
  })
  return new Map(backlogs.filter(([, { pending: waiting, overdue }]) => waiting > 0 || overdue > 0))
}
