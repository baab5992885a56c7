import type { Trace } from '../../runtime/trace.ts'
import type { Failure } from './failure.ts'
import type { ProviderName } from './provider-name.ts'
import type { Reported } from './reported.ts'
import { partsOfType, type KnownPart, type SeparationType, type StemPart } from './separation-type.ts'
import type { Stem, StemCopy } from './stem.ts'
import type { TaskEvent, TaskEventKind } from './task-event.ts'

/** Whether the provider has charged: an accepted submit is charged, a submit without an answer may be. */
export type Charge = 'NONE' | 'CHARGED' | 'MAYBE'

/** What the archive has of a task. */
export interface TaskArchive {
  /** At most one of each stem, by name. */
  readonly copies: readonly StemCopy[]
  /** When the copies were deleted, in milliseconds since 1970; null until then. No copy is added later. */
  readonly deletedAtMs: number | null
}

/** When a separation was completed, in milliseconds since 1970. */
export interface CompletedAt extends Reported<number> {
  /** Whether the provider gave this time. Otherwise it is when the gateway received the result. */
  readonly isReported: boolean
}

/** What the operator found out about an order whose charge nobody knew, or that the store has as queued. */
export interface Resolution {
  readonly charge: 'CHARGED' | 'NONE'
  /** When the operator said so, in milliseconds since 1970. */
  readonly atMs: number
}

/** The fields of a task in every state. Times are milliseconds since 1970. */
interface TaskBase {
  /** A TypeID with the prefix `sep`. */
  readonly id: string
  /** The caller that the task belongs to, e.g. `key:web` or `anonymous`. */
  readonly owner: string
  readonly provider: ProviderName
  /** The provider's id of the task; null until the task is bound. */
  readonly providerTaskId: string | null
  /**
   * A provider's id that another task is bound to, if the provider runs this order under it as well, as when it answers two
   * equal orders with one task. record-info is read by this id. null for almost every task.
   */
  readonly sharedProviderTaskId: string | null
  /** null only for an adopted task whose stems do not show it yet. */
  readonly type: SeparationType | null
  /** The provider's id of the task that generated the music; null for an adopted task. */
  readonly musicTaskId: string | null
  readonly audioId: string | null
  /** The caller's own text for the task; null if it gave none. Never changes. */
  readonly reference: string | null
  readonly musicId: Reported<string> | null
  readonly originUrl: Reported<string> | null
  readonly charge: Charge
  /**
   * What the operator said about the charge; null if nothing, and once the provider has shown that it accepted the order. A charge
   * of CHARGED without a resolution is the provider's word.
   */
  readonly resolution: Resolution | null
  /** Grows by one with every change. */
  readonly revision: number
  readonly createdAtMs: number
  /** When the task was last changed. */
  readonly updatedAtMs: number
  /** What happened, oldest first. Of each kind the first and the latest, see `mergeEvents`. */
  readonly events: readonly TaskEvent[]
  /** When the result is expected, as it was estimated when the order was sent. null if there was nothing to estimate it by. */
  readonly expectedAtMs: number | null
  /** Identifies the attempt to send an order that was queued: whoever made the attempt sends it. null for all other tasks. */
  readonly sendAttempt: string | null
  /** The request that ordered or adopted the task. null for a task that was restored, or stored before this was kept. */
  readonly trace: Trace | null
  /** Whether `createdAtMs` is known. false for an adopted task if the provider gives no time. */
  readonly isCreatedAtKnown: boolean
  /** null: nothing of the task was ever archived. */
  readonly archive: TaskArchive | null
}

/** The result of a separation. */
export interface Result {
  /** In the order of `knownParts`, others last. Empty only if the provider never reported any. */
  readonly stems: readonly Stem[]
  readonly completedAtMs: CompletedAt
  /** When the gateway first received the result, by its own clock. */
  readonly foundAtMs: number
}

export interface PendingTask extends TaskBase {
  readonly state: 'pending'
  /** The stems that record-info has reported, while one that the type must have is missing. */
  readonly partial: Result | null
  /** Since when record-info has reported SUCCESS without every stem; null while it reports PENDING. */
  readonly incompleteSinceMs: number | null
}

export interface SucceededTask extends TaskBase, Result {
  readonly state: 'succeeded'
}

export interface FailedTask extends TaskBase {
  readonly state: 'failed'
  readonly failure: Failure
}

/** A separation task: one order for one track. */
export type Task = PendingTask | SucceededTask | FailedTask

/** Whether the task is settled: it is never pending again, but a failure may become a success, and a success may gain stems. */
export function isSettled(task: Task): task is SucceededTask | FailedTask {
  return task.state !== 'pending'
}

/** A task whose order is stored and was never sent. */
export interface QueuedTask extends PendingTask {
  readonly charge: 'NONE'
  readonly type: SeparationType
  readonly musicTaskId: string
  readonly audioId: string
}

export function isQueued(task: Task): task is QueuedTask {
  const hasTrack = task.type !== null && task.musicTaskId !== null && task.audioId !== null
  return task.state === 'pending' && task.charge === 'NONE' && hasTrack
}

export function hasEvent(task: Task, kind: TaskEventKind): boolean {
  return task.events.some((event) => event.kind === kind)
}

/** The id to read record-info by; null while none is known. */
export function recordInfoIdOf(task: Task): string | null {
  return task.providerTaskId ?? task.sharedProviderTaskId
}

/** The parts that this type of separation can yield and this result lacks, in the order of `partsOfType`. */
export function missingParts(task: SucceededTask): readonly KnownPart[] {
  const present = new Set<StemPart>(task.stems.map((stem) => stem.part))
  return partsOfType[task.type ?? 'split_stem'].filter((part) => !present.has(part))
}

/**
 * Whether a failed task may still succeed: only a callback reports the failure, or the task was found at the provider although
 * the answer to its submit was a refusal. Such a task is checked until the wait for a result is over.
 */
export function mayStillSucceed({ failure, charge }: FailedTask): boolean {
  return failure.by === 'callback' || (failure.code === 'SUBMISSION_REFUSED' && charge === 'CHARGED')
}
