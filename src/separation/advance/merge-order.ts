import { failureCodes, type Failure } from '../task/failure.ts'
import type { Reported } from '../task/reported.ts'
import type { Resolution, Task } from '../task/task.ts'
import { hasEvent } from '../task/task.ts'
import { compareText, pickText } from './merge-text.ts'
import type { ProviderReport, OrderReport } from '../task/report.ts'

/**
 * Merges what a report says about the order itself: the provider's id, the charge, and the ids of the track. Returns null if
 * the report belongs to another task.
 */
export function mergeOrder(task: Task, report: OrderReport, atMs: number): Task | null {
  switch (report.kind) {
    case 'sent': {
      const expectedAtMs = pickText(task.expectedAtMs, report.expectedAtMs)
      // A refusal, or the operator, says that the order was not charged, whether it was sent or not.
      const mayBeCharged = task.charge === 'NONE' && !hasEvent(task, 'refused') && task.resolution === null
      const sendAttempt = pickText(task.sendAttempt, report.attempt)
      return { ...task, expectedAtMs, sendAttempt, charge: mayBeCharged ? 'MAYBE' : task.charge }
    }
    case 'accepted':
      return { ...bind(task, report), ...chargedByProvider }
    case 'refused':
      return isChargedByProvider(task) ? task : { ...task, charge: 'NONE' }
    case 'resolved': {
      if (isChargedByProvider(task)) return task
      const resolution = laterResolution(task.resolution, { charge: report.charge, atMs })
      return { ...task, resolution, charge: hasEvent(task, 'refused') ? 'NONE' : resolution.charge }
    }
    case 'unanswered':
    case 'unconfirmed':
    case 'no-result':
      return task
    case 'incomplete-result':
      return { ...task, ...chargedByProvider }
    case 'reported':
      return mergeReportedOrder(task, report)
  }
}

/** The provider has shown that it accepted the order, whatever the operator has said. */
const chargedByProvider = { charge: 'CHARGED', resolution: null } as const

function isChargedByProvider({ charge, resolution }: Task): boolean {
  return charge === 'CHARGED' && resolution === null
}

/** Of two resolutions the later counts, and of two at the same time the one that costs more. */
function laterResolution(a: Resolution | null, b: Resolution): Resolution {
  if (a === null) return b
  return (b.atMs - a.atMs || compareText(a.charge, b.charge)) <= 0 ? a : b
}

function mergeReportedOrder(task: Task, report: ProviderReport): Task | null {
  if (task.providerTaskId !== null && task.providerTaskId !== report.providerTaskId) return null
  const { by } = report
  const isAdopted = task.musicTaskId === null
  // A callback alone does not bind a task: the id in it may be that of another task.
  const canBind = by === 'record-info' && report.providerTaskId !== task.sharedProviderTaskId
  return {
    ...(canBind ? bind(task, report) : task),
    ...chargedByProvider,
    // The type and track of an order are those that were ordered.
    type: isAdopted ? pickText(task.type, report.type) : task.type,
    audioId: isAdopted ? pickText(task.audioId, report.audioId) : task.audioId,
    musicId: preferred(task.musicId, reportedBy(report.musicId, by)),
    originUrl: preferred(task.originUrl, reportedBy(report.originUrl, by)),
  }
}

/** Binds the task to the provider's id, unless another task is bound to it. */
function bind(
  task: Task,
  { providerTaskId, isShared }: { readonly providerTaskId: string | null; readonly isShared?: true | undefined },
): Task {
  return isShared === true
    ? { ...task, sharedProviderTaskId: pickText(task.sharedProviderTaskId, providerTaskId) }
    : { ...task, providerTaskId: task.providerTaskId ?? providerTaskId }
}

function reportedBy(value: string | null, by: Reported<string>['by']): Reported<string> | null {
  return value === null ? null : { value, by }
}

/** The value of record-info before that of a callback. Of two values from one source, the smaller. */
function preferred(a: Reported<string> | null, b: Reported<string> | null): Reported<string> | null {
  if (a === null || b === null) return a ?? b
  if (a.by !== b.by) return a.by === 'record-info' ? a : b
  return a.value <= b.value ? a : b
}

const noResult = 'The provider accepted the order and gave no result in time.'
const ifCallback = 'If its callback still arrives, the task takes the state that the callback reports.'

/** The message of SUBMISSION_UNCONFIRMED, which says what is known of the charge. */
function unconfirmedMessage(resolution: Resolution | null): string {
  switch (resolution?.charge) {
    case undefined:
      return `The provider never confirmed this order, so it may have been charged. ${ifCallback}`
    case 'NONE':
      return 'The provider never confirmed this order. The operator has found that it was not charged. Order again.'
    case 'CHARGED':
      return `The provider never confirmed this order. The operator has found that it was charged. ${ifCallback}`
  }
}

/** The failure with the message that fits the resolution. */
export function resolvedFailure(failure: Failure, resolution: Resolution | null): Failure {
  const isUnconfirmed = failure.code === 'SUBMISSION_UNCONFIRMED'
  return isUnconfirmed ? { ...failure, message: unconfirmedMessage(resolution) } : failure
}

/**
 * The failure in a report; null if it reports none.
 * @param task the task after the merge of the order
 */
export function failureIn(task: Task, report: OrderReport, atMs: number): Failure | null {
  const nowMs = withinLifetime(task, atMs, atMs)
  switch (report.kind) {
    case 'refused': {
      const { refusal } = report
      const { providerCode, message } = refusal
      return { code: 'SUBMISSION_REFUSED', providerCode, message, by: 'gateway', atMs: nowMs, refusal }
    }
    case 'unconfirmed':
      return concluded('SUBMISSION_UNCONFIRMED', unconfirmedMessage(task.resolution), nowMs)
    case 'resolved':
      // A pending task without a charge would be sent.
      return report.charge === 'NONE'
        ? concluded('SUBMISSION_UNCONFIRMED', unconfirmedMessage(task.resolution), nowMs)
        : null
    case 'no-result':
      return concluded('NO_RESULT', noResult, nowMs)
    case 'reported': {
      const { outcome, by } = report
      if (outcome.state !== 'failed') return null
      const { code, providerCode, message, completedAtMs } = outcome
      return { code, providerCode, message, by, atMs: withinLifetime(task, completedAtMs ?? atMs, atMs) }
    }
    case 'sent':
    case 'unanswered':
    case 'accepted':
    case 'incomplete-result':
      return null
  }
}

/** A failure that the gateway concludes when a wait has ended. */
function concluded(code: 'SUBMISSION_UNCONFIRMED' | 'NO_RESULT', message: string, atMs: number): Failure {
  return { code, providerCode: null, message, by: 'gateway', atMs }
}

const sourceRank = { gateway: 0, callback: 1, 'record-info': 2 } as const

/**
 * The failure that a task keeps. Its source decides first: record-info, then a callback, then the gateway itself; then the
 * later code in `failureCodes`; then the lower provider code; then an arbitrary but fixed order.
 */
export function strongerFailure(a: Failure, b: Failure): Failure {
  const order =
    sourceRank[b.by] - sourceRank[a.by] ||
    failureCodes.indexOf(b.code) - failureCodes.indexOf(a.code) ||
    (a.providerCode ?? Number.MAX_SAFE_INTEGER) - (b.providerCode ?? Number.MAX_SAFE_INTEGER) ||
    compareText(a.message, b.message) ||
    a.atMs - b.atMs
  return order <= 0 ? a : b
}

/** A time from the provider's clock, limited to the time between the order and the report. */
export function withinLifetime(task: Task, timeMs: number, atMs: number): number {
  return Math.max(task.createdAtMs, Math.min(timeMs, atMs))
}
