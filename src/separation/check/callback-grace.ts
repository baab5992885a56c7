import { advance } from '../advance/advance.ts'
import type { CheckTimings } from './check-schedule.ts'
import type { DatedReport, ProviderReport } from '../advance/report.ts'
import { isSettled, isComplete, type Task } from '../task.ts'
import type { SavedCallback } from '../store.ts'

/** A callback that can be read and trusted. */
export interface TrustedCallback extends SavedCallback {
  readonly report: ProviderReport
}

type GraceTimes = Pick<CheckTimings, 'callbackGraceMs' | 'failureGraceMs' | 'emptyGraceMs' | 'giveUpAfterMs'>

/**
 * The callbacks that count now, as reports: those whose grace period is over, and every one once the task is settled. Until
 * then record-info has the first word: it knows more, and nobody can forge it.
 */
export function dueCallbackReports(
  task: Task,
  callbacks: readonly TrustedCallback[],
  nowMs: number,
  times: GraceTimes,
): readonly DatedReport[] {
  const reports: DatedReport[] = []
  let current = task
  for (const callback of callbacks) {
    if (!isSettled(current) && graceEndsMs(current, callback, nowMs, times) > nowMs) continue
    const report = { report: callback.report, atMs: callback.receivedAtMs }
    reports.push(report)
    current = advance(current, report.report, report.atMs)
  }
  return reports
}

/** When the next callback counts that does not yet, in milliseconds since 1970; null if none waits. */
export function nextGraceEndsMs(
  task: Task,
  callbacks: readonly TrustedCallback[],
  nowMs: number,
  times: GraceTimes,
): number | null {
  if (isSettled(task)) return null
  const ends = callbacks.map((callback) => graceEndsMs(task, callback, nowMs, times)).filter((endMs) => endMs > nowMs)
  return ends.length === 0 ? null : Math.min(...ends)
}

/**
 * When a callback settles its task although record-info does not agree, in milliseconds since 1970. Audio counts after some
 * seconds, unless some of it is missing. A failure counts after a quarter of an hour: it may be a passing error of a
 * provider that is still at work and has been paid. At the end of the wait for a result everything counts.
 */
function graceEndsMs(
  task: Task,
  { receivedAtMs, report: { outcome } }: TrustedCallback,
  nowMs: number,
  times: GraceTimes,
): number {
  // A clock that was set back since must not postpone audio.
  if (outcome.state === 'succeeded' && receivedAtMs > nowMs) return nowMs
  const giveUpAtMs = Math.max(receivedAtMs, task.createdAtMs + times.giveUpAfterMs)
  return Math.min(receivedAtMs + graceMsOf(task, outcome, times), giveUpAtMs)
}

function graceMsOf(task: Task, outcome: ProviderReport['outcome'], times: GraceTimes): number {
  switch (outcome.state) {
    case 'pending':
      return times.callbackGraceMs
    case 'failed':
      return times.failureGraceMs
    case 'succeeded':
      return outcome.stems.length === 0 || isComplete(task.type, outcome.stems)
        ? times.callbackGraceMs
        : times.emptyGraceMs
  }
}
