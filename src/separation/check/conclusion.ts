import type { Report } from '../task/report.ts'
import { hasEvent, isQueued, type Task } from '../task/task.ts'
import { startedAtMs } from '../task/task-times.ts'
import type { Refusal } from '../task/failure.ts'
import type { CheckTimings } from './check-schedule.ts'

/**
 * An order is sent with another key within ten seconds only, and each answer is read for two minutes. After this time no gateway
 * can still be reading one.
 */
export const maxSendingMs = 150_000

const neverSent: Refusal = {
  reason: 'unavailable',
  providerCode: null,
  message:
    'The order waited too long to be sent, so it was given up. Nothing was sent and nothing was charged. Order again.',
  retryable: true,
  retryAfterSeconds: null,
}

/** What one check has learned from record-info. */
export interface CheckResult {
  /** Whether there was an id to read record-info by. */
  readonly wasAsked: boolean
  /** Whether the provider answered about the task, or that it does not know it. An unusable answer does not count. */
  readonly hasAnswered: boolean
  /** Whether record-info reports SUCCESS without any stem. */
  readonly isEmpty: boolean
}

/**
 * The report that ends a wait, or says that no answer to the order will come; null while it goes on. A provider that is disabled or unreadable does not fail its tasks: that
 * there is no result is concluded only from an answer after the wait, and that a success is empty only from an answer of
 * this check. Once the provider has deleted the files, no answer can matter any more.
 */
export function conclusionOf(
  task: Task,
  result: CheckResult,
  nowMs: number,
  timings: CheckTimings & { readonly retentionMs: number },
): Report | null {
  if (task.state !== 'pending') return null
  if (isQueued(task)) {
    return nowMs - task.createdAtMs >= timings.giveUpAfterMs ? { kind: 'refused', refusal: neverSent } : null
  }
  const ageMs = nowMs - startedAtMs(task)
  const areFilesDeleted = ageMs >= timings.giveUpAfterMs + timings.retentionMs
  const isUnanswered = result.wasAsked && !result.hasAnswered && !areFilesDeleted
  const isUnconfirmed = task.providerTaskId === null && task.charge === 'MAYBE'
  if (isUnconfirmed) {
    if (ageMs >= timings.unconfirmedAfterMs && !isUnanswered) return { kind: 'unconfirmed' }
    return ageMs >= maxSendingMs && !hasEvent(task, 'unanswered') ? { kind: 'unanswered' } : null
  }

  const isTimedOut = ageMs >= timings.giveUpAfterMs
  const isGraceOver = task.incompleteSinceMs !== null && nowMs - task.incompleteSinceMs >= timings.emptyGraceMs
  const hasPartialResult = task.partial !== null || result.isEmpty
  if (hasPartialResult && (isGraceOver || isTimedOut)) return { kind: 'incomplete-result' }
  return isTimedOut && !isUnanswered ? { kind: 'no-result' } : null
}
