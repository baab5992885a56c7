import type { CheckTimings } from './check-schedule.ts'
import type { Report } from '../advance/report.ts'
import type { Task } from '../task.ts'

/** What one check learned from record-info. */
export interface CheckResult {
  /** Whether there was an id to read by. */
  readonly wasAsked: boolean
  /** Whether the provider answered about the task, or that it knows none; an answer that cannot be used is none. */
  readonly hasAnswered: boolean
  /** Whether it answered SUCCESS and named no stem. */
  readonly isEmpty: boolean
}

/**
 * The end of a wait that has lasted its time; null while it goes on. A provider that is off or cannot be read fails no task:
 * that there is no result is concluded only from what it answered after the time was over, and that a success is empty only
 * from an answer that says so at this very check. Once the provider keeps no files any more, no answer can change anything.
 */
export function conclusionOf(
  task: Task,
  result: CheckResult,
  nowMs: number,
  times: CheckTimings & { readonly retentionMs: number },
): Report | null {
  if (task.state !== 'pending') return null
  const ageMs = nowMs - task.createdAtMs
  const areFilesGone = ageMs >= times.giveUpAfterMs + times.retentionMs
  const isUnanswered = result.wasAsked && !result.hasAnswered && !areFilesGone
  const isUnconfirmed = task.providerTaskId === null && task.charge === 'MAYBE'
  if (isUnconfirmed) return ageMs >= times.unconfirmedAfterMs && !isUnanswered ? { kind: 'unconfirmed' } : null

  const isTimedOut = ageMs >= times.giveUpAfterMs
  const isGraceOver = task.incompleteSinceMs !== null && nowMs - task.incompleteSinceMs >= times.emptyGraceMs
  const hasPartialResult = task.partial !== null || result.isEmpty
  if (hasPartialResult && (isGraceOver || isTimedOut)) return { kind: 'incomplete-result' }
  return isTimedOut && !isUnanswered ? { kind: 'no-result' } : null
}
