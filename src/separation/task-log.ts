import type { Log } from '../runtime/log.ts'
import { traceDetail, type Trace } from '../runtime/trace.ts'
import type { DatedReport, Report } from './task/report.ts'
import { hasEvent, isSettled, type Task } from './task/task.ts'
import { phaseOf, statusOf } from './task/task-status.ts'
import type { FailureCode } from './task/failure.ts'

/** What a line of the log says of a task. The operator's guide lists them. */
const messages = {
  'task.ordered': 'an order is stored, and is sent now',
  'task.queued': "an order is stored, and waits for a slot within the provider's rate",
  'task.joined': 'an order joined an earlier task, and costs nothing',
  'task.adopted': 'a task that was made outside belongs to the caller who asked for it',
  'task.sent': 'a queued order is sent now',
  'task.unanswered': 'the answer to an order was lost or cannot be used: the provider may have charged it',
  'task.accepted': 'the provider accepted an order',
  'task.refused': 'an order was refused',
  'task.resolved': 'the operator said whether an order was charged',
  'task.unconfirmed': 'nothing confirmed an order in time: the provider may have charged it',
  'task.succeeded': 'a task succeeded',
  'task.failed': 'a task failed',
  'task.archived': 'a stem of a task is copied to the archive',
  'task.archive-deleted': 'the copies of a task are deleted from the archive',
  'task.updated': 'more is known of a task',
} as const

type CreationEvent = 'task.ordered' | 'task.queued' | 'task.adopted'
type ChangeEvent = Exclude<keyof typeof messages, CreationEvent | 'task.joined'>

/** Logs each change of a task, once it is stored: one line from the gateway that stored it. */
export interface TaskLog {
  /** A task that was not stored before. */
  created(event: CreationEvent, task: Task): void
  /** An order that an earlier task answers, and the request that brought it. */
  joined(task: Task, by: Trace | null): void
  /**
   * @param submit.cause why nothing is known of the order, if its submit had no usable answer
   * @param submit.key which of several API keys the order was sent with
   */
  changed(
    before: Task,
    after: Task,
    reports: readonly DatedReport[],
    submit?: { readonly cause?: string | undefined; readonly key?: number | undefined },
  ): void
}

export function createTaskLog(log: Log): TaskLog {
  return {
    created(event, task) {
      log.info({ event, ...taskDetail(task), from: null, to: stateOf(task), by: 'caller' }, messages[event])
    },
    joined(task, by) {
      const detail = { event: 'task.joined', ...taskDetail(task), byRequestId: by?.requestId }
      log.info(detail, messages['task.joined'])
    },
    changed(before, after, reports, { cause, key } = {}) {
      const event = eventOf(before, after)
      const detail = {
        event,
        ...taskDetail(after),
        from: stateOf(before),
        to: stateOf(after),
        by: reports.map(({ report }) => byOf(report)).at(-1),
        ...outcomeOf(after),
        cause,
        key,
      }
      log[levelOf(event, after)](detail, messages[event])
    },
  }
}

/** The fields by which any line leads to a task and to the request that ordered it. */
export function taskIds({ id, provider, trace }: Task) {
  return { taskId: id, provider, ...traceDetail(trace) }
}

/** The fields of every line about the state of a task. No text of the caller's, no address of a file. */
export function taskDetail(task: Task) {
  const { providerTaskId, owner, charge, revision } = task
  const ageMs = task.updatedAtMs - task.createdAtMs
  return { ...taskIds(task), providerTaskId, owner, charge, revision, ageMs }
}

/** The phase of a pending task, the status of a settled one. */
function stateOf(task: Task): string {
  return isSettled(task) ? statusOf(task) : phaseOf(task)
}

const failureEvents = {
  SUBMISSION_UNCONFIRMED: 'task.unconfirmed',
  SUBMISSION_REFUSED: 'task.refused',
  CALLBACK_FAILED: 'task.failed',
  NO_RESULT: 'task.failed',
  CREATION_FAILED: 'task.failed',
  GENERATION_FAILED: 'task.failed',
} as const satisfies Record<FailureCode, ChangeEvent>

function eventOf(before: Task, after: Task): ChangeEvent {
  if (after.state === 'succeeded' && before.state !== 'succeeded') return 'task.succeeded'
  if (after.resolution !== null && after.resolution.atMs !== before.resolution?.atMs) return 'task.resolved'
  if (after.state === 'failed' && before.state !== 'failed') return failureEvents[after.failure.code]
  if (after.charge === 'CHARGED' && before.charge !== 'CHARGED') return 'task.accepted'
  if (after.charge === 'MAYBE' && before.charge === 'NONE') return 'task.sent'
  if (hasEvent(after, 'unanswered') && !hasEvent(before, 'unanswered')) return 'task.unanswered'
  if (copiesOf(after) > copiesOf(before)) return 'task.archived'
  if (isArchiveDeleted(after) && !isArchiveDeleted(before)) return 'task.archive-deleted'
  return 'task.updated'
}

function copiesOf({ archive }: Task): number {
  return archive?.copies.length ?? 0
}

function isArchiveDeleted({ archive }: Task): boolean {
  return (archive?.deletedAtMs ?? null) !== null
}

function levelOf(event: ChangeEvent, { charge }: Task): 'info' | 'warn' {
  const mayBeLost = charge === 'MAYBE' && event !== 'task.sent'
  return mayBeLost || event === 'task.unconfirmed' ? 'warn' : 'info'
}

/** Who told what changed the task. */
function byOf(report: Report): 'submit' | 'callback' | 'check' | 'archive' | 'operator' | 'gateway' {
  switch (report.kind) {
    case 'accepted':
    case 'refused':
    case 'unanswered':
      return 'submit'
    case 'reported':
      return report.by === 'callback' ? 'callback' : 'check'
    case 'resolved':
      return 'operator'
    case 'sent':
    case 'unconfirmed':
    case 'no-result':
    case 'incomplete-result':
      return 'gateway'
    case 'archived':
    case 'archive-deleted':
      return 'archive'
  }
}

function outcomeOf(task: Task) {
  switch (task.state) {
    case 'pending':
      return {}
    case 'succeeded':
      return { stems: task.stems.length, archived: copiesOf(task) }
    case 'failed': {
      const { code, providerCode, refusal } = task.failure
      return { failure: code, providerCode, reason: refusal?.reason }
    }
  }
}
