import { hasEvent, type Task } from '../task/task.ts'
import type { Failure } from '../task/failure.ts'
import type { Stem } from '../task/stem.ts'
import { failureIn, mergeOrder, resolvedFailure, strongerFailure } from './merge-order.ts'
import { mergeArchive } from './merge-archive.ts'
import { mergeEvents } from './merge-events.ts'
import { mergeResult, succeed, taskBaseOf } from './merge-result.ts'
import { compareText } from './merge-text.ts'
import type { Report } from '../task/report.ts'

/**
 * The task after a report about it. This is the one rule by which tasks change.
 *
 * It is a merge of the order (binding, charge, failure), of the result (stems) and of what was archived. Repeating a report changes nothing, and any
 * order of the same reports ends in the same task, except for `revision`, which counts the steps, and `incompleteSinceMs`,
 * which is a time. A task goes from pending to failed to succeeded, never back. Stems are only added. Where two sources
 * give a value, that of record-info is kept; of two values from one source, the smaller; of two resolutions, the later. Returns the same object if the
 * report adds nothing. Leaves `updatedAtMs` as it is: `record` knows when the change is stored.
 *
 * @param atMs when the report was made, in milliseconds since 1970
 */
export function advance(task: Task, report: Report, atMs: number): Task {
  const next = merge(task, report, atMs)
  return isSame(task, next) ? task : { ...next, revision: task.revision + 1 }
}

function merge(task: Task, report: Report, atMs: number): Task {
  if (report.kind === 'archived' || report.kind === 'archive-deleted') return mergeArchive(task, report, atMs)
  const order = mergeOrder(task, report, atMs)
  if (order === null) return task
  const withEvents = { ...order, events: mergeEvents(task, report, atMs) }
  const failure = failureIn(withEvents, report, atMs)
  const next = failure === null ? mergeResult(withEvents, report, atMs) : mergeFailure(withEvents, failure)
  return next.state === 'failed' ? { ...next, failure: resolvedFailure(next.failure, next.resolution) } : next
}

function mergeFailure(task: Task, failure: Failure): Task {
  switch (task.state) {
    case 'pending':
      // Audio outranks a failure, whichever comes first.
      if (task.partial !== null) return succeed(task, task.partial)
      return { ...taskBaseOf(task), state: 'failed', failure }
    case 'failed':
      return { ...task, failure: strongerFailure(resolvedFailure(task.failure, task.resolution), failure) }
    case 'succeeded':
      return task
  }
}

/**
 * Whether an advanced task differs from the one before in more than its events and the times at which its URLs were read and
 * its result was found. Reading a URL again is no change for subscribers, and no write: an event is stored together with
 * what it has changed.
 */
export function isVisibleChange(before: Task, after: Task): boolean {
  return isPlainChange(before, after) || canonical(withoutReadTimes(before)) !== canonical(withoutReadTimes(after))
}

function withoutReadTimes(timed: Task): Task {
  // The two events that the phase depends on, whenever and however often they happened.
  const events = (['sent', 'unanswered'] as const)
    .filter((kind) => hasEvent(timed, kind))
    .map((kind) => ({ kind, atMs: 0 }))
  const task: Task = { ...timed, events, updatedAtMs: 0 }
  const timeless = <T extends { readonly stems: readonly Stem[] }>(result: T): T => ({
    ...result,
    foundAtMs: 0,
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

/** Tasks are plain data made by these functions only, so equal tasks have equal JSON. */
function isSame(a: Task, b: Task): boolean {
  return a === b || (!isPlainChange(a, b) && canonical(a) === canonical(b))
}

/** Whether the tasks differ in what most reports change: to compare whole tasks takes longer. */
function isPlainChange(before: Task, after: Task): boolean {
  return before.state !== after.state || before.charge !== after.charge
}

function canonical(task: Task): string {
  return JSON.stringify(Object.entries(task).toSorted(([a], [b]) => compareText(a, b)))
}
