import { compareText, mergeResults, pickText, resultOf } from './merge-results.ts'
import type { Report, ProviderReport } from './report.ts'
import {
  failureCodes,
  isComplete,
  type Charge,
  type Failure,
  type PendingTask,
  type Result,
  type Reported,
  type Stem,
  type SucceededTask,
  type Task,
} from '../task.ts'

/**
 * What a task becomes when a report about it arrives: the one rule by which tasks change.
 *
 * It is a merge. The same report twice changes nothing, and any order of the same reports ends in the same task (but for
 * `revision`, which counts the steps, and `incompleteSinceMs`, which is a clock). Pending gives way to failed and failed to
 * succeeded, never back. Stems are only added. Of two values for one thing record-info's is kept; of two from one source,
 * the smaller, so that order cannot matter. Returns the very same object if the report brought nothing new.
 *
 * @param atMs when the report was made, in milliseconds since 1970
 */
export function advance(task: Task, report: Report, atMs: number): Task {
  const next = merge(task, report, atMs)
  return isSame(task, next) ? task : { ...next, revision: task.revision + 1 }
}

/**
 * Whether a task that `advance` changed differs in more than when its addresses were last read. An address that is merely
 * read again is no change that anybody waits for.
 */
export function isVisibleChange(before: Task, after: Task): boolean {
  return canonical(withoutReadTimes(before)) !== canonical(withoutReadTimes(after))
}

function withoutReadTimes(task: Task): Task {
  const timeless = <T extends { readonly stems: readonly Stem[] }>(result: T): T => ({
    ...result,
    stems: result.stems.map((stem) => ({ ...stem, url: { ...stem.url, atMs: 0 } })),
  })
  switch (task.state) {
    case 'pending':
      return { ...task, revision: 0, partial: task.partial === null ? null : timeless(task.partial) }
    case 'failed':
      return { ...task, revision: 0 }
    case 'succeeded':
      return { ...timeless(task), revision: 0 }
  }
}

function merge(task: Task, report: Report, atMs: number): Task {
  switch (report.kind) {
    case 'accepted':
      return { ...withId(task, report), charge: 'CHARGED' }
    case 'refused':
      return fail(withCharge(task, 'NONE'), {
        code: 'SUBMISSION_REFUSED',
        providerCode: report.refusal.providerCode,
        message: report.refusal.message,
        by: 'gateway',
        atMs: withinLife(task, atMs, atMs),
        refusal: report.refusal,
      })
    case 'unconfirmed':
      return fail(task, conclusion(task, 'SUBMISSION_UNCONFIRMED', atMs))
    case 'no-result':
      return fail(task, conclusion(task, 'NO_RESULT', atMs))
    case 'incomplete-result': {
      const completedAtMs = { value: withinLife(task, atMs, atMs), by: 'record-info', isReported: false } as const
      return succeed(task, { stems: [], completedAtMs, foundAtMs: atMs })
    }
    case 'reported':
      return mergeProviderReport(task, report, atMs)
  }
}

const conclusions = {
  SUBMISSION_UNCONFIRMED:
    'The provider never confirmed this order, so it may have been charged. ' +
    'If its callback still comes, this task becomes what the callback says.',
  NO_RESULT: 'The provider took the order and gave no result within the time that we wait for one.',
} as const

/** A failure that nobody reported: the wait is over. */
function conclusion(task: Task, code: keyof typeof conclusions, atMs: number): Failure {
  return { code, providerCode: null, message: conclusions[code], by: 'gateway', atMs: withinLife(task, atMs, atMs) }
}

/** Binds the task to the id that the provider gave, unless another task is bound to it. */
function withId(
  task: Task,
  { providerTaskId, isShared }: { readonly providerTaskId: string | null; readonly isShared?: true | undefined },
): Task {
  return isShared === true
    ? { ...task, sharedProviderTaskId: pickText(task.sharedProviderTaskId, providerTaskId) }
    : { ...task, providerTaskId: task.providerTaskId ?? providerTaskId }
}

function mergeProviderReport(task: Task, report: ProviderReport, atMs: number): Task {
  const isOfAnotherTask = task.providerTaskId !== null && task.providerTaskId !== report.providerTaskId
  if (isOfAnotherTask) return task

  const { by, outcome } = report
  const isAdopted = task.musicTaskId === null
  // A callback alone binds nothing: it may name a task that is not ours.
  const isBinding = by === 'record-info' && report.providerTaskId !== task.sharedProviderTaskId
  const known: Task = {
    ...(isBinding ? withId(task, report) : task),
    charge: 'CHARGED',
    // What was ordered through us is known from the order.
    type: isAdopted ? pickText(task.type, report.type) : task.type,
    audioId: isAdopted ? pickText(task.audioId, report.audioId) : task.audioId,
    musicId: preferred(task.musicId, reportedBy(report.musicId, by)),
    originUrl: preferred(task.originUrl, reportedBy(report.originUrl, by)),
  }
  switch (outcome.state) {
    case 'pending':
      return by === 'record-info' ? withoutClock(known) : known
    case 'failed':
      return fail(known, {
        code: outcome.code,
        providerCode: outcome.providerCode,
        message: outcome.message,
        by,
        atMs: withinLife(task, outcome.completedAtMs ?? atMs, atMs),
      })
    case 'succeeded': {
      if (outcome.stems.length > 0) {
        const completedAtMs = {
          value: withinLife(task, outcome.completedAtMs ?? atMs, atMs),
          by,
          isReported: outcome.completedAtMs !== null,
        }
        const result = resultOf(outcome.stems, { by, atMs, completedAtMs })
        return by === 'record-info' ? find(known, result, atMs) : succeed(known, result)
      }
      // What a callback leaves out record-info may know; it is read anyway.
      return by === 'record-info' && known.state === 'pending' ? awaitStems(known, atMs) : known
    }
  }
}

/** What record-info has found: a success, unless a stem that must be there may still come. */
function find(task: Task, result: Result, atMs: number): Task {
  if (task.state !== 'pending') return succeed(task, result)
  const partial = mergeResults(task.partial, result)
  return isComplete(task.type, partial.stems) ? succeed(task, result) : { ...awaitStems(task, atMs), partial }
}

/** A success of which stems are missing: the task goes on pending, and remembers since when. */
function awaitStems(task: PendingTask, atMs: number): PendingTask {
  return { ...task, incompleteSinceMs: Math.min(task.incompleteSinceMs ?? atMs, atMs) }
}

/** The provider is still at work: what it said of a success before was too early. */
function withoutClock(task: Task): Task {
  return task.state === 'pending' ? { ...task, incompleteSinceMs: null } : task
}

function succeed(task: Task, result: Result): SucceededTask {
  return { ...taskBaseOf(task), charge: 'CHARGED', state: 'succeeded', ...mergeResults(foundBefore(task), result) }
}

function foundBefore(task: Task): Result | null {
  switch (task.state) {
    case 'pending':
      return task.partial
    case 'failed':
      return null
    case 'succeeded':
      return { stems: task.stems, completedAtMs: task.completedAtMs, foundAtMs: task.foundAtMs }
  }
}

function fail(task: Task, failure: Failure): Task {
  switch (task.state) {
    case 'pending':
      // Audio counts for more than a failure, whichever comes first.
      if (task.partial !== null) return succeed(task, task.partial)
      return { ...taskBaseOf(task), state: 'failed', failure }
    case 'failed':
      return { ...task, failure: strongerFailure(task.failure, failure) }
    case 'succeeded':
      return task
  }
}

/** The task without what belongs to its state. */
function taskBaseOf(task: Task) {
  switch (task.state) {
    case 'pending': {
      const { state: _, partial: _partial, incompleteSinceMs: _since, ...order } = task
      return order
    }
    case 'failed': {
      const { state: _, failure: _failure, ...order } = task
      return order
    }
    case 'succeeded': {
      const { state: _, stems: _stems, completedAtMs: _completedAt, foundAtMs: _foundAt, ...order } = task
      return order
    }
  }
}

function withCharge(task: Task, charge: Charge): Task {
  return task.charge === 'MAYBE' ? { ...task, charge } : task
}

function reportedBy(value: string | null, by: Reported<string>['by']): Reported<string> | null {
  return value === null ? null : { value, by }
}

/** Record-info's value before the callback's; of two from one source, the smaller. */
function preferred(a: Reported<string> | null, b: Reported<string> | null): Reported<string> | null {
  if (a === null || b === null) return a ?? b
  if (a.by !== b.by) return a.by === 'record-info' ? a : b
  return a.value <= b.value ? a : b
}

const strengthOfSource = { gateway: 0, callback: 1, 'record-info': 2 } as const

/**
 * Who said it comes first: record-info, then a callback, then what the gateway concluded itself. Then the later in
 * `failureCodes`; then the lower provider code; then anything that is fixed.
 */
function strongerFailure(a: Failure, b: Failure): Failure {
  const order =
    strengthOfSource[b.by] - strengthOfSource[a.by] ||
    failureCodes.indexOf(b.code) - failureCodes.indexOf(a.code) ||
    (a.providerCode ?? Number.MAX_SAFE_INTEGER) - (b.providerCode ?? Number.MAX_SAFE_INTEGER) ||
    compareText(a.message, b.message) ||
    a.atMs - b.atMs
  return order <= 0 ? a : b
}

/** A provider's clock is not ours: what it did, it did between our order and its telling us. */
function withinLife(task: Task, timeMs: number, atMs: number): number {
  return Math.max(task.createdAtMs, Math.min(timeMs, atMs))
}

/** Tasks are plain data and built by the functions above alone, so that equal ones read the same. */
function isSame(a: Task, b: Task): boolean {
  return a === b || canonical(a) === canonical(b)
}

function canonical(task: Task): string {
  return JSON.stringify(Object.entries(task).toSorted(([a], [b]) => compareText(a, b)))
}
