import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../runtime/log.ts'
import { deletionDueAtMs, providerExpiresAtMs, type FileRetention } from '../../separation/file-retention.ts'
import { isTaskId } from '../../separation/task/task-id.ts'
import type { ArchiveQueue } from '../../separation/store/archive-queue.ts'
import type { Clock } from '../../separation/store/clock.ts'
import type { ProviderName } from '../../separation/task/provider-name.ts'
import type { SucceededTask } from '../../separation/task/task.ts'

export interface ScheduleMissingOptions {
  readonly queue: Pick<ArchiveQueue, 'findMissing' | 'add'>
  readonly clock: Clock
  readonly retentionOf: (provider: ProviderName) => FileRetention
  readonly log: Log
}

const pageSize = 500
/** Between two pages, so that a large store is not busy with them. In milliseconds. */
const pauseMs = 20

/**
 * Adds the work of the archive on every task that has none yet: tasks from before the archive was set up, from a gateway of an
 * older version, and from a database that was moved or restored. Rejects with StoreUnavailableError, or if the signal aborts.
 */
export async function scheduleMissing(options: ScheduleMissingOptions, signal: AbortSignal): Promise<void> {
  const { queue, clock, retentionOf, log } = options
  let toCopy = 0
  let after = ''
  for (;;) {
    const { tasks, lastId } = await queue.findMissing({ after, limit: pageSize })
    const entries = tasks.map((task) => ({ task, dueAtMs: dueAtMsOf(task, retentionOf(task.provider), clock.nowMs()) }))
    await queue.add(entries)
    toCopy += entries.filter(({ dueAtMs }) => dueAtMs === 0).length
    if (lastId === null) break
    after = lastId
    await sleep(pauseMs, undefined, { signal, ref: false })
  }
  if (toCopy > 0) log.info({ event: 'archive.scheduled', tasks: toCopy }, 'the stems of earlier tasks are archived')
}

/** When there is work on a task, in milliseconds since 1970: 0 for now, null for never. */
function dueAtMsOf(task: SucceededTask, retention: FileRetention, nowMs: number): number | null {
  if (!isTaskId(task.id) || (task.archive !== null && task.archive.deletedAtMs !== null)) return null
  const isAtProvider = (providerExpiresAtMs(task, retention) ?? task.foundAtMs + retention.providerMs) > nowMs
  if (isAtProvider) return 0
  return task.archive === null ? null : deletionDueAtMs(task, retention)
}
