import type { KeptCounts, TaskDeleter } from '../store/task-deleter.ts'
import { createDeleteTasks, type DeleteTasksOptions, type DeletionCounts } from './delete-tasks.ts'

export interface PurgeOptions extends Omit<DeleteTasksOptions, 'store'> {
  readonly store: Pick<TaskDeleter, 'findExpired' | 'deleteTasks' | 'deleteOldCounters' | 'deleteUnusedEndpoints'>
}

/** What became of old tasks. */
export type PurgeCounts = DeletionCounts & KeptCounts

export interface PurgeRun {
  /** Tasks to which nothing has happened since this time are deleted. In milliseconds since 1970. */
  readonly beforeMs: number
  /** By whose time old counters are deleted. In milliseconds since 1970. */
  readonly nowMs: number
  /** Counts what would be deleted. Default: false. */
  readonly isDryRun?: boolean
  readonly signal?: AbortSignal
  /** Called before each page. The run ends if it resolves to false. */
  readonly mayContinue?: () => Promise<boolean>
  readonly onProgress?: (counts: Readonly<DeletionCounts>) => void
}

/** How many tasks are looked at in one read. */
const pageSize = 200
/** Longer than any month, so that no counter of a window that still counts is deleted. In milliseconds. */
const oldCounterMs = 62 * 24 * 60 * 60_000
/** How many counters or endpoints are looked at in one write. */
const rowsAtATime = 500

/**
 * Deletes the tasks that have expired, counters of budgets that count no longer, and endpoints of webhooks that nothing refers to.
 * Rejects with StoreUnavailableError, and with an AbortError once the signal aborts. What was deleted by then stays deleted.
 * @returns what was deleted and kept; with a dry run, what would be deleted
 */
export async function purge(options: PurgeOptions, run: PurgeRun): Promise<PurgeCounts> {
  const { store, files, pace } = options
  const { beforeMs, nowMs, isDryRun = false, signal, mayContinue = async () => true, onProgress } = run
  const deleteTasks = createDeleteTasks(options)
  const counts: PurgeCounts = { deleted: 0, busy: 0, withFiles: 0, pending: 0, maybe: 0, undelivered: 0 }
  let after: string | null = ''
  while (after !== null) {
    if (!(await mayContinue())) return counts
    const from: string = after
    const page = await pace.step(() => store.findExpired({ after: from, beforeMs, limit: pageSize }), signal)
    counts.pending += page.kept.pending
    counts.maybe += page.kept.maybe
    counts.undelivered += page.kept.undelivered
    if (isDryRun) {
      const kept = page.tasks.filter(({ copies }) => copies.length > 0 && files === null)
      counts.withFiles += kept.length
      counts.deleted += page.tasks.length - kept.length
    } else {
      await deleteTasks(page.tasks, counts, { ...(signal && { signal }), onDeleted: () => onProgress?.(counts) })
    }
    onProgress?.(counts)
    after = page.lastId
  }
  if (isDryRun) return counts
  const startedBeforeMs = nowMs - oldCounterMs
  await inPages(options, signal, (from) =>
    store.deleteOldCounters({ after: from, startedBeforeMs, limit: rowsAtATime }),
  )
  await inPages(options, signal, (from) => store.deleteUnusedEndpoints({ after: from, limit: rowsAtATime }))
  return counts
}

/** Runs a step for each page, until one returns null. */
async function inPages(
  { pace }: Pick<PurgeOptions, 'pace'>,
  signal: AbortSignal | undefined,
  step: (after: string) => Promise<string | null>,
): Promise<void> {
  let after: string | null = ''
  while (after !== null) {
    const from: string = after
    after = await pace.step(() => step(from), signal)
  }
}
