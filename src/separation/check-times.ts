import { completedAtMs, isSettled, type Task } from './task.ts'

/** The durations by which tasks are followed, in milliseconds. */
export interface CheckTimes {
  /** How often a pending task is asked for. */
  readonly intervalMs: number
  /** After this without any word an order counts as never confirmed. */
  readonly unconfirmedAfterMs: number
  /** After this a task without a result is given up. */
  readonly giveUpAfterMs: number
  /** How long record-info may lag behind a callback before the callback's own words are taken. */
  readonly callbackGraceMs: number
  /** How long a SUCCESS may go without naming a stem. */
  readonly emptyGraceMs: number
}

/** A pending task older than this is asked for `slowness` times less often. */
const slowAfterMs = 30 * 60_000
const slowness = 4

/** While a callback's words wait for record-info to agree, this part of the grace lies between two questions. */
const questionsPerGrace = 4

/** When a settled task is looked at once more, in intervals after its end or its last callback: for late audio, durations, the piano. */
const afterFailure = [2, 10, 60]
const afterUnsureSuccess = [1, 4, 20, 120, 720, 2880]

/**
 * When a task is to be asked for next, in milliseconds since 1970; null for never again.
 * @param lastHeardMs when the task's last callback came; null if none did
 * @param hasWords a callback's words wait for record-info to agree
 * @param chance from 0 to 1, spreads the questions: two tasks of one age are not asked for at one time
 */
export function nextCheckAt(
  task: Task,
  now: {
    readonly nowMs: number
    readonly lastHeardMs: number | null
    readonly hasWords: boolean
    readonly chance: number
  },
  times: CheckTimes,
): number | null {
  const { nowMs, lastHeardMs, hasWords, chance } = now
  if (isSettled(task)) return nextLook(task, nowMs, lastHeardMs, times)

  const ageMs = nowMs - task.createdAtMs
  const pause = (ms: number) => Math.round(nowMs + ms * (0.9 + 0.2 * chance))
  if (hasWords) return pause(times.callbackGraceMs / questionsPerGrace)
  if (task.emptySinceMs !== null) return pause(Math.min(times.intervalMs, times.emptyGraceMs / questionsPerGrace))

  const endOfWaitMs = task.createdAtMs + (task.providerTaskId === null ? times.unconfirmedAfterMs : times.giveUpAfterMs)
  const usual = pause(ageMs < slowAfterMs ? times.intervalMs : times.intervalMs * slowness)
  return endOfWaitMs > nowMs ? Math.min(usual, endOfWaitMs) : usual
}

function nextLook(task: Task, nowMs: number, lastHeardMs: number | null, times: CheckTimes): number | null {
  // A success without a stem was taken as it was when the wait for one was over: there may be some yet.
  const hasStems = task.state === 'succeeded' && task.stems.length > 0
  const recordInfoAgrees = hasStems && task.completedAtMs.by === 'record-info'
  const nothingToAskFor =
    task.state === 'failed' && task.providerTaskId === null && task.failure.by === 'gateway' && lastHeardMs === null
  if (recordInfoAgrees || nothingToAskFor) return null
  const endedAtMs = Math.max(completedAtMs(task) ?? nowMs, lastHeardMs ?? 0)
  const steps = task.state === 'succeeded' ? afterUnsureSuccess : afterFailure
  return steps.map((step) => Math.round(endedAtMs + step * times.intervalMs)).find((atMs) => atMs > nowMs) ?? null
}
