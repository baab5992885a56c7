import { completedAtMs, startedAtMs } from '../task/task-times.ts'
import { isComplete } from '../task/stem.ts'
import {
  isQueued,
  isSettled,
  mayStillSucceed,
  missingParts,
  recordInfoIdOf,
  type FailedTask,
  type SucceededTask,
  type Task,
} from '../task/task.ts'

/** The durations that decide when tasks are checked and settled, in milliseconds. */
export interface CheckTimings {
  /** The time between two checks of a pending task. */
  readonly intervalMs: number
  /** After this time without an answer or a callback an order is unconfirmed. */
  readonly unconfirmedAfterMs: number
  /** After this time a task without a result fails. */
  readonly giveUpAfterMs: number
  /** How long record-info may lag behind a callback before the callback settles the task by itself. */
  readonly callbackGraceMs: number
  /** How long record-info may contradict a callback that reports a failure, or be unreadable, before the failure counts. */
  readonly failureGraceMs: number
  /** How long a SUCCESS may leave out stems that its type must have. */
  readonly emptyGraceMs: number
}

/** What else decides when a task is checked next. Times are milliseconds since 1970. */
export interface CheckState {
  readonly nowMs: number
  /** When the last callback of the task was received; null if there was none. */
  readonly lastCallbackMs: number | null
  /** When the next callback that waits for record-info settles the task by itself; null if none waits. */
  readonly nextGraceEndsMs: number | null
  /** How long the provider keeps the files of a task, in milliseconds. */
  readonly retentionMs: number
  /** From 0 to 1. Spreads the checks of tasks of the same age. */
  readonly jitter: number
}

/** A pending task older than this is checked `slowFactor` times less often. */
const slowAfterMs = 30 * 60_000
const slowFactor = 4

/** How many checks fall into a short grace period. */
const checksPerGrace = 4

const dayMs = 24 * 60 * 60_000

/**
 * When a settled task is checked again, in intervals after it was settled or after its last callback: late audio, durations and
 * the piano may still arrive.
 */
const failureSteps = [2, 10, 60]
const incompleteSuccessSteps = [1, 4, 20, 120, 720, 2880]
/** The same for a result that record-info has reported and that may still gain stems. */
const successSteps = [0.1, 1, 10]

/** When a task is checked next, in milliseconds since 1970; null for never. */
export function nextCheckAt(task: Task, state: CheckState, timings: CheckTimings): number | null {
  const { nowMs, nextGraceEndsMs } = state
  if (isSettled(task)) {
    return task.state === 'succeeded' ? afterSuccessAt(task, state, timings) : afterFailureAt(task, state, timings)
  }

  const regular = regularCheckAt(task, state, timings)
  // There is nothing to ask about an order that was never sent, until it is given up.
  if (isQueued(task) && nextGraceEndsMs === null) {
    const giveUpAtMs = task.createdAtMs + timings.giveUpAfterMs
    return giveUpAtMs > nowMs ? giveUpAtMs : regular
  }
  if (nextGraceEndsMs !== null) {
    return Math.min(regular, graceCheckAt(Math.max(timings.callbackGraceMs, nextGraceEndsMs - nowMs), state))
  }
  if (task.incompleteSinceMs !== null) {
    return graceCheckAt(Math.min(timings.intervalMs * checksPerGrace, timings.emptyGraceMs), state)
  }

  const waitMs = recordInfoIdOf(task) === null ? timings.unconfirmedAfterMs : timings.giveUpAfterMs
  const endOfWaitMs = startedAtMs(task) + waitMs
  return endOfWaitMs > nowMs ? Math.min(regular, endOfWaitMs) : regular
}

function regularCheckAt(task: Task, state: CheckState, { intervalMs }: CheckTimings): number {
  const isYoung = state.nowMs - startedAtMs(task) < slowAfterMs
  return withJitter(isYoung ? intervalMs : intervalMs * slowFactor, state)
}

function graceCheckAt(graceMs: number, state: CheckState): number {
  return withJitter(graceMs / checksPerGrace, state)
}

function withJitter(ms: number, { nowMs, jitter }: CheckState): number {
  return Math.round(nowMs + ms * (0.9 + 0.2 * jitter))
}

function afterSuccessAt(task: SucceededTask, state: CheckState, timings: CheckTimings): number | null {
  const isFromRecordInfo = task.stems.every(({ url }) => url.by === 'record-info')
  // A result that was accepted at the end of the wait may be incomplete.
  const isReliable = isFromRecordInfo && isComplete(task.type, task.stems)
  if (isReliable && missingParts(task).length === 0) return null
  return nextStepAt(isReliable ? successSteps : incompleteSuccessSteps, task.foundAtMs, state, timings)
}

function afterFailureAt(task: FailedTask, state: CheckState, timings: CheckTimings): number | null {
  const { nowMs, lastCallbackMs, retentionMs } = state
  const { failure } = task
  const hasNoId = recordInfoIdOf(task) === null && failure.by === 'gateway' && lastCallbackMs === null
  if (hasNoId) return null
  const mayHaveResult = mayStillSucceed(task)
  const endMs = startedAtMs(task) + timings.giveUpAfterMs
  if (mayHaveResult && nowMs < endMs) return Math.min(regularCheckAt(task, state, timings), endMs)
  const next = mayHaveResult ? null : nextStepAt(failureSteps, completedAtMs(task) ?? nowMs, state, timings)
  if (next !== null || !(mayHaveResult || failure.code === 'NO_RESULT')) return next
  // record-info never reported an end. Once a day, as long as the provider keeps files, the result may have appeared.
  const dailyMs = failure.atMs + Math.ceil((nowMs - failure.atMs + 1) / dayMs) * dayMs
  return dailyMs <= failure.atMs + retentionMs ? dailyMs : null
}

/** The first of these steps, in intervals, that is still ahead. */
function nextStepAt(
  steps: readonly number[],
  sinceMs: number,
  { nowMs, lastCallbackMs }: CheckState,
  { intervalMs }: CheckTimings,
): number | null {
  const fromMs = Math.max(sinceMs, lastCallbackMs ?? 0)
  return steps.map((step) => Math.round(fromMs + step * intervalMs)).find((atMs) => atMs > nowMs) ?? null
}
