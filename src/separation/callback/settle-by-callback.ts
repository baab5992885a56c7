import type { Log } from '../../runtime/log.ts'
import type { RecordReports } from '../advance/record.ts'
import type { ProviderReport } from '../task/report.ts'
import { StoreUnavailableError } from '../errors.ts'
import type { CheckQueue } from '../store/check-queue.ts'
import type { SavedCallback } from '../store/callback-inbox.ts'
import { taskIds } from '../task-log.ts'
import { isComplete } from '../task/stem.ts'
import { recordInfoIdOf, type Task } from '../task/task.ts'

export interface SettleByCallbackOptions {
  readonly record: RecordReports
  readonly queue: Pick<CheckQueue, 'release'>
  readonly log: Log
  /** How long record-info has precedence over a callback whose task is being checked, in milliseconds. */
  readonly graceMs: number
}

/** Settles tasks with the reports of their saved callbacks. If that fails, the checker does it. */
export interface SettleByCallback {
  /**
   * Settles the task if the callback may do so. The task stays due. Never rejects.
   * @param leaseUntilMs the lease that was taken with the callback, which ends; null if none was taken
   */
  now(task: Task, callback: SavedCallback, leaseUntilMs: number | null): Promise<void>
  /** Settles the task after the grace period, if it is not settled by then. Saves waiting for the checker, and may be lost. */
  later(task: Task, callback: SavedCallback): void
  /** Cancels what would be settled later. Resolves when the work under way has ended. */
  stop(): Promise<void>
}

/** Due before every task that has a scheduled time. */
const dueFirst = 0

export function createSettleByCallback({ record, queue, log, graceMs }: SettleByCallbackOptions): SettleByCallback {
  const underWay = new Set<Promise<void>>()
  const timers = new Map<string, NodeJS.Timeout>()
  let isStopped = false

  async function settle(task: Task, callback: SavedCallback, leaseUntilMs: number | null): Promise<void> {
    const { report, receivedAtMs: atMs } = callback
    const reports = (current: Task) => (maySettle(current, report) ? [{ report, atMs }] : [])
    if (leaseUntilMs === null) return void (await record(task.id, reports))
    const canSettle = maySettle(task, report)
    // A task that is settled waits for its check after those that are not.
    const leaseEnd = { leaseUntilMs, dueAtMs: canSettle ? atMs : dueFirst }
    const after = canSettle ? await record(task.id, reports, { known: task, due: leaseEnd }) : task
    if (after?.revision === task.revision) await queue.release(task.id, leaseUntilMs, leaseEnd.dueAtMs)
  }

  function now(task: Task, callback: SavedCallback, leaseUntilMs: number | null): Promise<void> {
    const done = settle(task, callback, leaseUntilMs)
      .catch((error: unknown) => {
        const detail = taskIds(task)
        // The store itself logs that it is unavailable.
        if (error instanceof StoreUnavailableError) log.debug(detail, 'a callback waits for the check of its task')
        else log.error({ ...detail, err: error }, 'a callback could not settle its task; the check of the task will')
      })
      .finally(() => underWay.delete(done))
    underWay.add(done)
    return done
  }

  return {
    now,
    later(task, callback) {
      if (isStopped || timers.has(task.id) || !maySettle(task, callback.report)) return
      const end = () => {
        timers.delete(task.id)
        void now(task, callback, null)
      }
      timers.set(task.id, setTimeout(end, graceMs).unref())
    },
    async stop() {
      isStopped = true
      for (const timer of timers.values()) clearTimeout(timer)
      await Promise.all(underWay)
    },
  }
}

/**
 * Whether a callback may settle the task before the provider is asked: it brings all stems that the type must have, and names
 * the provider's id that the task is known to have. An id that only callbacks name may be that of another task.
 */
function maySettle(task: Task, report: ProviderReport | null): report is ProviderReport {
  return (
    task.state !== 'succeeded' &&
    report?.outcome.state === 'succeeded' &&
    isComplete(task.type, report.outcome.stems) &&
    report.providerTaskId === recordInfoIdOf(task)
  )
}
