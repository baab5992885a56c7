import { isComplete } from '../task/stem.ts'
import type { PendingTask, Result, SucceededTask, Task } from '../task/task.ts'
import { withinLifetime } from './merge-order.ts'
import { mergeResults, resultOf } from './merge-stems.ts'
import type { ProviderReport, OrderReport } from '../task/report.ts'

/**
 * Merges the stems in a report into the task. Failures are merged by `advance`.
 * @param task the task after the merge of the order: any report may tell its type, and thereby that no stem is missing
 */
export function mergeResult(task: Task, report: OrderReport, atMs: number): Task {
  const next = mergeStemsOf(task, report, atMs)
  const isWhole = next.state === 'pending' && next.partial !== null && isComplete(next.type, next.partial.stems)
  return isWhole ? succeed(next, next.partial) : next
}

function mergeStemsOf(task: Task, report: OrderReport, atMs: number): Task {
  switch (report.kind) {
    case 'incomplete-result': {
      const completedAtMs = { value: withinLifetime(task, atMs, atMs), by: 'record-info', isReported: false } as const
      return succeed(task, { stems: [], completedAtMs, foundAtMs: atMs })
    }
    case 'reported':
      return mergeReportedResult(task, report, atMs)
    case 'sent':
    case 'unanswered':
    case 'accepted':
    case 'refused':
    case 'resolved':
    case 'unconfirmed':
    case 'no-result':
      return task
  }
}

function mergeReportedResult(task: Task, { by, outcome }: ProviderReport, atMs: number): Task {
  switch (outcome.state) {
    case 'failed':
      return task
    case 'pending':
      // The provider is still working: an earlier report of success came too soon.
      return by === 'record-info' && task.state === 'pending' ? { ...task, incompleteSinceMs: null } : task
    case 'succeeded': {
      // record-info may know the stems that a callback leaves out, and is read after every callback.
      if (outcome.stems.length === 0) {
        return by === 'record-info' && task.state === 'pending' ? waitForStems(task, atMs) : task
      }
      const completedAtMs = {
        value: withinLifetime(task, outcome.completedAtMs ?? atMs, atMs),
        by,
        isReported: outcome.completedAtMs !== null,
      }
      const result = resultOf(outcome.stems, { by, atMs, completedAtMs })
      return by === 'record-info' ? mergeFoundResult(task, result, atMs) : succeed(task, result)
    }
  }
}

/** A success, unless a stem of this type is missing and may still come. */
function mergeFoundResult(task: Task, result: Result, atMs: number): Task {
  if (task.state !== 'pending') return succeed(task, result)
  const partial = mergeResults(task.partial, result)
  return isComplete(task.type, partial.stems) ? succeed(task, result) : { ...waitForStems(task, atMs), partial }
}

/** The provider reports success, but stems are missing: the task stays pending for a grace period. */
function waitForStems(task: PendingTask, atMs: number): PendingTask {
  return { ...task, incompleteSinceMs: Math.min(task.incompleteSinceMs ?? atMs, atMs) }
}

/** The task with this result, in addition to what it already has. */
export function succeed(task: Task, result: Result): SucceededTask {
  return { ...taskBaseOf(task), charge: 'CHARGED', state: 'succeeded', ...mergeResults(resultSoFar(task), result) }
}

function resultSoFar(task: Task): Result | null {
  switch (task.state) {
    case 'pending':
      return task.partial
    case 'failed':
      return null
    case 'succeeded':
      return { stems: task.stems, completedAtMs: task.completedAtMs, foundAtMs: task.foundAtMs }
  }
}

/** The task without the fields of its state. */
export function taskBaseOf(task: Task) {
  switch (task.state) {
    case 'pending': {
      const { state: _, partial: _partial, incompleteSinceMs: _since, ...base } = task
      return base
    }
    case 'failed': {
      const { state: _, failure: _failure, ...base } = task
      return base
    }
    case 'succeeded': {
      const { state: _, stems: _stems, completedAtMs: _completedAt, foundAtMs: _foundAt, ...base } = task
      return base
    }
  }
}
