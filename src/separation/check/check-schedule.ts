import {
  completedAtMs,
  isSettled,
  isWhole,
  mayBeAtWork,
  missingParts,
  readableIdOf,
  type FailedTask,
  type SucceededTask,
  type Task,
} from '../task.ts'

/** The durations by which tasks are followed, in milliseconds. */
export interface CheckTimes {
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
  readonly lastHeardMs: number | null
  /** When the next callback that waits for record-info settles the task by itself; null if none waits. */
  readonly nextGraceEndsMs: number | null
  /** How long the provider keeps the files of a task, in milliseconds. */
  readonly retentionMs: number
  /** From 0 to 1, spreads the checks: two tasks of one age are not checked at one time. */
  readonly chance: number
}

/** A pending task older than this is asked for `slowness` times less often. */
const slowAfterMs = 30 * 60_000
const slowness = 4

/** While a callback waits a short time for record-info to agree, this part of that time lies between two checks. */
const checksPerGrace = 4

const dayMs = 24 * 60 * 60_000

/** When a settled task is checked once more, in intervals after its end or its last callback: for late audio, durations, the piano. */
const afterFailure = [2, 10, 60]
const afterUnsureSuccess = [1, 4, 20, 120, 720, 2880]
/** The same where record-info has named some stems and may still name others. */
const afterSuccess = [0.1, 1, 10]

/** When a task is to be checked next, in milliseconds since 1970; null for never again. */
export function nextCheckAt(task: Task, state: CheckState, times: CheckTimes): number | null {
  const { nowMs, nextGraceEndsMs } = state
  if (isSettled(task)) {
    return task.state === 'succeeded' ? afterASuccess(task, state, times) : afterAFailure(task, state, times)
  }

  const usual = usualAt(task, state, times)
  if (nextGraceEndsMs !== null) {
    return Math.min(usual, soonAt(Math.max(times.callbackGraceMs, nextGraceEndsMs - nowMs), state))
  }
  if (task.incompleteSinceMs !== null) {
    return soonAt(Math.min(times.intervalMs * checksPerGrace, times.emptyGraceMs), state)
  }

  const endOfWaitMs = task.createdAtMs + (readableIdOf(task) === null ? times.unconfirmedAfterMs : times.giveUpAfterMs)
  return endOfWaitMs > nowMs ? Math.min(usual, endOfWaitMs) : usual
}

function usualAt(task: Task, state: CheckState, { intervalMs }: CheckTimes): number {
  const isYoung = state.nowMs - task.createdAtMs < slowAfterMs
  return pause(isYoung ? intervalMs : intervalMs * slowness, state)
}

function soonAt(graceMs: number, state: CheckState): number {
  return pause(graceMs / checksPerGrace, state)
}

function pause(ms: number, { nowMs, chance }: CheckState): number {
  return Math.round(nowMs + ms * (0.9 + 0.2 * chance))
}

function afterASuccess(task: SucceededTask, state: CheckState, times: CheckTimes): number | null {
  const isAllFromRecordInfo = task.stems.every(({ url }) => url.by === 'record-info')
  // What was taken as it was when the wait was over may not be all.
  const isSure = isAllFromRecordInfo && isWhole(task.type, task.stems)
  if (isSure && missingParts(task).length === 0) return null
  return nextOf(isSure ? afterSuccess : afterUnsureSuccess, task.foundAtMs, state, times)
}

function afterAFailure(task: FailedTask, state: CheckState, times: CheckTimes): number | null {
  const { nowMs, lastHeardMs, retentionMs } = state
  const { failure } = task
  const nothingToAskFor = readableIdOf(task) === null && failure.by === 'gateway' && lastHeardMs === null
  if (nothingToAskFor) return null
  const isUnsure = mayBeAtWork(task)
  const endMs = task.createdAtMs + times.giveUpAfterMs
  if (isUnsure && nowMs < endMs) return Math.min(usualAt(task, state, times), endMs)
  const next = isUnsure ? null : nextOf(afterFailure, completedAtMs(task) ?? nowMs, state, times)
  if (next !== null || !(isUnsure || failure.code === 'NO_RESULT')) return next
  // record-info named no end in time. Files may be there as long as the provider keeps any.
  const dailyMs = failure.atMs + Math.ceil((nowMs - failure.atMs + 1) / dayMs) * dayMs
  return dailyMs <= failure.atMs + retentionMs ? dailyMs : null
}

/** The next of these steps, which are in intervals. */
function nextOf(
  steps: readonly number[],
  sinceMs: number,
  { nowMs, lastHeardMs }: CheckState,
  { intervalMs }: CheckTimes,
): number | null {
  const fromMs = Math.max(sinceMs, lastHeardMs ?? 0)
  return steps.map((step) => Math.round(fromMs + step * intervalMs)).find((atMs) => atMs > nowMs) ?? null
}
