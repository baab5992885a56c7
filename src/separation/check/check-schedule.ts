import {
  completedAtMs,
  isSettled,
  isComplete,
  mayStillSucceed,
  missingParts,
  recordInfoIdOf,
  type FailedTask,
  type SucceededTask,
  type Task,
} from '../task.ts'

/** The durations by which tasks are followed, in milliseconds. */
export interface CheckTimings {
  /** How often a pending task is asked for. */
  readonly intervalMs: number
  /** After this without any word an order counts as never confirmed. */
  readonly unconfirmedAfterMs: number
  /** After this a task without a result is given up. */
  readonly giveUpAfterMs: number
  /** How long record-info may lag behind a callback before the callback itself settles the task. */
  readonly callbackGraceMs: number
  /** How long record-info may contradict a callback that reports a failure, or be unreadable, before the failure counts. */
  readonly failureGraceMs: number
  /** How long a SUCCESS may go without naming every stem that it must have. */
  readonly emptyGraceMs: number
}

/** What else decides when a task is checked next. Times are milliseconds since 1970. */
export interface CheckState {
  readonly nowMs: number
  /** When the task's last callback came; null if none did. */
  readonly lastCallbackMs: number | null
  /** When the next callback that waits for record-info settles the task by itself; null if none waits. */
  readonly nextGraceEndsMs: number | null
  /** How long the provider keeps the files of a task, in milliseconds. */
  readonly retentionMs: number
  /** From 0 to 1, spreads the checks: two tasks of one age are not checked at one time. */
  readonly jitter: number
}

/** A pending task older than this is asked for `slowFactor` times less often. */
const slowAfterMs = 30 * 60_000
const slowFactor = 4

/** While a callback waits a short time for record-info to agree, this part of that time lies between two checks. */
const checksPerGrace = 4

const dayMs = 24 * 60 * 60_000

/** When a settled task is checked once more, in intervals after its end or its last callback: for late audio, durations, the piano. */
const failureSteps = [2, 10, 60]
const incompleteSuccessSteps = [1, 4, 20, 120, 720, 2880]
/** The same where record-info has named some stems and may still name others. */
const successSteps = [0.1, 1, 10]

/** When a task is to be checked next, in milliseconds since 1970; null for never again. */
export function nextCheckAt(task: Task, state: CheckState, times: CheckTimings): number | null {
  const { nowMs, nextGraceEndsMs } = state
  if (isSettled(task)) {
    return task.state === 'succeeded' ? afterSuccessAt(task, state, times) : afterFailureAt(task, state, times)
  }

  const usual = regularCheckAt(task, state, times)
  if (nextGraceEndsMs !== null) {
    return Math.min(usual, soonCheckAt(Math.max(times.callbackGraceMs, nextGraceEndsMs - nowMs), state))
  }
  if (task.incompleteSinceMs !== null) {
    return soonCheckAt(Math.min(times.intervalMs * checksPerGrace, times.emptyGraceMs), state)
  }

  const endOfWaitMs =
    task.createdAtMs + (recordInfoIdOf(task) === null ? times.unconfirmedAfterMs : times.giveUpAfterMs)
  return endOfWaitMs > nowMs ? Math.min(usual, endOfWaitMs) : usual
}

function regularCheckAt(task: Task, state: CheckState, { intervalMs }: CheckTimings): number {
  const isYoung = state.nowMs - task.createdAtMs < slowAfterMs
  return withJitter(isYoung ? intervalMs : intervalMs * slowFactor, state)
}

function soonCheckAt(graceMs: number, state: CheckState): number {
  return withJitter(graceMs / checksPerGrace, state)
}

function withJitter(ms: number, { nowMs, jitter }: CheckState): number {
  return Math.round(nowMs + ms * (0.9 + 0.2 * jitter))
}

function afterSuccessAt(task: SucceededTask, state: CheckState, times: CheckTimings): number | null {
  const isAllFromRecordInfo = task.stems.every(({ url }) => url.by === 'record-info')
  // What was taken as it was when the wait was over may not be all.
  const isReliable = isAllFromRecordInfo && isComplete(task.type, task.stems)
  if (isReliable && missingParts(task).length === 0) return null
  return nextStepAt(isReliable ? successSteps : incompleteSuccessSteps, task.foundAtMs, state, times)
}

function afterFailureAt(task: FailedTask, state: CheckState, times: CheckTimings): number | null {
  const { nowMs, lastCallbackMs, retentionMs } = state
  const { failure } = task
  const nothingToAskFor = recordInfoIdOf(task) === null && failure.by === 'gateway' && lastCallbackMs === null
  if (nothingToAskFor) return null
  const mayHaveResult = mayStillSucceed(task)
  const endMs = task.createdAtMs + times.giveUpAfterMs
  if (mayHaveResult && nowMs < endMs) return Math.min(regularCheckAt(task, state, times), endMs)
  const next = mayHaveResult ? null : nextStepAt(failureSteps, completedAtMs(task) ?? nowMs, state, times)
  if (next !== null || !(mayHaveResult || failure.code === 'NO_RESULT')) return next
  // record-info named no end in time. Files may be there as long as the provider keeps any.
  const dailyMs = failure.atMs + Math.ceil((nowMs - failure.atMs + 1) / dayMs) * dayMs
  return dailyMs <= failure.atMs + retentionMs ? dailyMs : null
}

/** The next of these steps, which are in intervals. */
function nextStepAt(
  steps: readonly number[],
  sinceMs: number,
  { nowMs, lastCallbackMs }: CheckState,
  { intervalMs }: CheckTimings,
): number | null {
  const fromMs = Math.max(sinceMs, lastCallbackMs ?? 0)
  return steps.map((step) => Math.round(fromMs + step * intervalMs)).find((atMs) => atMs > nowMs) ?? null
}
