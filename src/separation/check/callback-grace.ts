import { advance } from '../advance/advance.ts'
import type { DatedReport, ProviderReport } from '../task/report.ts'
import type { SavedCallback } from '../store/callback-inbox.ts'
import { isComplete } from '../task/stem.ts'
import { isSettled, type Task } from '../task/task.ts'
import { startedAtMs } from '../task/task-times.ts'
import type { CheckTimings } from './check-schedule.ts'

/** A callback whose report can be read and trusted. */
export interface TrustedCallback extends SavedCallback {
  readonly report: ProviderReport
}

type GraceTimings = Pick<CheckTimings, 'callbackGraceMs' | 'failureGraceMs' | 'emptyGraceMs' | 'giveUpAfterMs'>

/**
 * The reports of the callbacks that count now: those whose grace period is over, and all of them once the task is settled. Until
 * then record-info has precedence: it knows more, and cannot be forged.
 */
export function dueCallbackReports(
  task: Task,
  callbacks: readonly TrustedCallback[],
  nowMs: number,
  timings: GraceTimings,
): readonly DatedReport[] {
  const reports: DatedReport[] = []
  let current = task
  for (const callback of callbacks) {
    if (!isSettled(current) && graceEndsMs(current, callback, nowMs, timings) > nowMs) continue
    const report = { report: callback.report, atMs: callback.receivedAtMs }
    reports.push(report)
    current = advance(current, report.report, report.atMs)
  }
  return reports
}

/** When the next waiting callback counts, in milliseconds since 1970; null if none waits. */
export function nextGraceEndsMs(
  task: Task,
  callbacks: readonly TrustedCallback[],
  nowMs: number,
  timings: GraceTimings,
): number | null {
  if (isSettled(task)) return null
  const ends = callbacks.map((callback) => graceEndsMs(task, callback, nowMs, timings)).filter((endMs) => endMs > nowMs)
  return ends.length === 0 ? null : Math.min(...ends)
}

/**
 * When a callback settles its task although record-info does not agree, in milliseconds since 1970. Audio counts after some
 * seconds, or after a minute if stems are missing. A failure counts after 15 minutes: the provider may report a passing error
 * while it is still working. At the end of the wait for a result, everything counts.
 */
function graceEndsMs(
  task: Task,
  { receivedAtMs, report: { outcome } }: TrustedCallback,
  nowMs: number,
  timings: GraceTimings,
): number {
  // A clock that was set back must not postpone audio.
  if (outcome.state === 'succeeded' && receivedAtMs > nowMs) return nowMs
  const giveUpAtMs = Math.max(receivedAtMs, startedAtMs(task) + timings.giveUpAfterMs)
  return Math.min(receivedAtMs + graceMsOf(task, outcome, timings), giveUpAtMs)
}

function graceMsOf(task: Task, outcome: ProviderReport['outcome'], timings: GraceTimings): number {
  switch (outcome.state) {
    case 'pending':
      return timings.callbackGraceMs
    case 'failed':
      return timings.failureGraceMs
    case 'succeeded':
      return outcome.stems.length === 0 || isComplete(task.type, outcome.stems)
        ? timings.callbackGraceMs
        : timings.emptyGraceMs
  }
}
