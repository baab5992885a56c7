import type { Trace } from '../runtime/trace.ts'

/** The providers that the gateway supports, including the sandbox. */
export const providerNames = ['kie', 'apikley', 'sunoapi', 'sandbox'] as const
export type ProviderName = (typeof providerNames)[number]

/** The `type` of `POST /vocal-removal/generate` (docs/providers.md, "Endpoints"). */
export const separationTypes = ['separate_vocal', 'split_stem'] as const
export type SeparationType = (typeof separationTypes)[number]

/** The parts that each type of separation can yield. The piano is reported by record-info only. */
export const partsOfType = {
  separate_vocal: ['vocal', 'instrumental'],
  split_stem: [
    'vocal',
    'backingVocals',
    'drums',
    'bass',
    'guitar',
    'piano',
    'keyboard',
    'percussion',
    'strings',
    'synth',
    'fx',
    'brass',
    'woodwinds',
  ],
} as const satisfies Record<SeparationType, readonly string[]>

export type KnownPart = (typeof partsOfType)[SeparationType][number]

/** An unknown part is `other`, with the provider's label. */
export type StemPart = KnownPart | 'other'

/** All known parts, in the order in which stems are listed. */
export const knownParts: readonly KnownPart[] = [...new Set(Object.values(partsOfType).flat())]

export type SeparationStatus =
  'PENDING' | 'SUCCESS' | 'CREATE_TASK_FAILED' | 'GENERATE_AUDIO_FAILED' | 'CALLBACK_EXCEPTION'

/** Whether the provider has charged: an accepted submit is charged, a submit without an answer may be. */
export type Charge = 'NONE' | 'CHARGED' | 'MAYBE'

/** Where a value comes from. record-info cannot be forged and knows more, so it takes precedence over callbacks. */
export type Source = 'callback' | 'record-info'

/** A value and its source. */
export interface Reported<T> {
  readonly value: T
  readonly by: Source
}

/** A URL and when it was reported, in milliseconds since 1970. Of two URLs from one source, the later one counts. */
export interface StemUrl extends Reported<string> {
  readonly atMs: number
}

/** One separated part of the track. */
export interface Stem {
  readonly part: StemPart
  /** The provider's name for the part; null if it gives none. */
  readonly label: string | null
  readonly url: StemUrl
  /** From `originData` of record-info only. */
  readonly durationSeconds: number | null
  /** The provider's id of the stem (`originData[].id`), which orders for MIDI need; null if it gives none. */
  readonly originId: string | null
}

/** A copy of the file of a stem in the archive. */
export interface StemCopy {
  /** The name of the stem: see `stemName`. */
  readonly stem: string
  /** The SHA-256 of the bytes, in hexadecimal. The archive keeps the copy under it. */
  readonly sha256: string
  readonly sizeBytes: number
  /** When it was made, in milliseconds since 1970. */
  readonly atMs: number
}

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

/** Why a task failed. Of two codes from one source, the later in this list is kept: see `strongerFailure`. */
export const failureCodes = [
  'SUBMISSION_UNCONFIRMED',
  'SUBMISSION_REFUSED',
  'CALLBACK_FAILED',
  'NO_RESULT',
  'CREATION_FAILED',
  'GENERATION_FAILED',
] as const
export type FailureCode = (typeof failureCodes)[number]

/** Why a provider definitely did not accept an order, by what the caller can do about it. */
export const refusalReasons = [
  'invalid-input',
  'track-not-found',
  'insufficient-credits',
  'rate-limited',
  'refused',
  /** The provider is unreachable, under maintenance, or does not accept the gateway's key. */
  'unavailable',
] as const
export type RefusalReason = (typeof refusalReasons)[number]

export interface Refusal {
  readonly reason: RefusalReason
  readonly providerCode: number | null
  /** For the caller: what is wrong and what to do next. Contains no secret. */
  readonly message: string
  /** Whether the same call may succeed later. */
  readonly retryable: boolean
  readonly retryAfterSeconds: number | null
}

export interface Failure {
  readonly code: FailureCode
  /** The provider's own code; null if it gave none. */
  readonly providerCode: number | null
  readonly message: string
  /** Where the failure comes from; `gateway` if the gateway concluded it. */
  readonly by: Source | 'gateway'
  readonly atMs: number
  /** Only with SUBMISSION_REFUSED: the refusal that the caller gets. */
  readonly refusal?: Refusal | undefined
}

/**
 * What may happen to a task, in the order in which it usually does. That it was ordered and settled is not among them: see
 * `createdAtMs` and `settledAtMs`.
 */
export const taskEventKinds = [
  /** The gateway began to send the order. */
  'sent',
  /** The wait for the provider's answer has ended without one. */
  'unanswered',
  /** The provider accepted the order. */
  'accepted',
  /** The provider refused the order, or the gateway will not send it. */
  'refused',
  /** The operator said whether the order was charged. */
  'resolved',
  /** A callback reported on the task. */
  'callback',
  /** record-info reported on the task. */
  'checked',
] as const
export type TaskEventKind = (typeof taskEventKinds)[number]

export interface TaskEvent {
  readonly kind: TaskEventKind
  /** In milliseconds since 1970, by the gateway's clock. */
  readonly atMs: number
}

/** What the operator found out about an order whose charge nobody knew. */
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

const statusOfFailure = {
  SUBMISSION_UNCONFIRMED: 'CREATE_TASK_FAILED',
  SUBMISSION_REFUSED: 'CREATE_TASK_FAILED',
  CALLBACK_FAILED: 'CALLBACK_EXCEPTION',
  NO_RESULT: 'GENERATE_AUDIO_FAILED',
  CREATION_FAILED: 'CREATE_TASK_FAILED',
  GENERATION_FAILED: 'GENERATE_AUDIO_FAILED',
} as const satisfies Record<FailureCode, SeparationStatus>

/** The status that callers see, in the providers' terms. */
export function statusOf(task: Task): SeparationStatus {
  switch (task.state) {
    case 'pending':
      return 'PENDING'
    case 'succeeded':
      return 'SUCCESS'
    case 'failed':
      return statusOfFailure[task.failure.code]
  }
}

/** Whether the task is settled: it is never pending again, but a failure may become a success, and a success may gain stems. */
export function isSettled(task: Task): task is SucceededTask | FailedTask {
  return task.state !== 'pending'
}

/** How far a pending task is. */
export type TaskPhase = 'QUEUED' | 'SENDING' | 'UNCONFIRMED' | 'PROCESSING' | 'COLLECTING' | 'SETTLED'

export function phaseOf(task: Task): TaskPhase {
  if (isSettled(task)) return 'SETTLED'
  if (task.partial !== null || task.incompleteSinceMs !== null) return 'COLLECTING'
  switch (task.charge) {
    case 'CHARGED':
      return 'PROCESSING'
    case 'MAYBE':
      return hasEvent(task, 'unanswered') ? 'UNCONFIRMED' : 'SENDING'
    case 'NONE':
      return 'QUEUED'
  }
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

/** When the order was sent, in milliseconds since 1970. When it was created, if it was not sent yet or that is not known. */
export function startedAtMs(task: Task): number {
  return task.events.find(({ kind }) => kind === 'sent')?.atMs ?? task.createdAtMs
}

/** When the gateway learned the outcome of the task, in milliseconds since 1970; null while it is pending. */
export function settledAtMs(task: Task): number | null {
  switch (task.state) {
    case 'pending':
      return null
    case 'succeeded':
      return task.foundAtMs
    case 'failed':
      return task.failure.atMs
  }
}

/** When the provider completed the task, in milliseconds since 1970; null while it is pending. */
export function completedAtMs(task: Task): number | null {
  switch (task.state) {
    case 'pending':
      return null
    case 'succeeded':
      return task.completedAtMs.value
    case 'failed':
      return task.failure.atMs
  }
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
 * Whether the stems include all that this type of separation must yield: both stems of a `separate_vocal`, any stem of a
 * `split_stem`, because the track may have no other part.
 */
export function isComplete(type: SeparationType | null, stems: readonly Pick<Stem, 'part'>[]): boolean {
  if (stems.length === 0) return false
  const present = new Set<StemPart>(stems.map(({ part }) => part))
  switch (type) {
    case 'separate_vocal':
      return partsOfType.separate_vocal.every((part) => present.has(part))
    case 'split_stem':
      return true
    // A vocal stem alone may belong to either type.
    case null:
      return present.size > 1 || !present.has('vocal')
  }
}

/**
 * Whether a failed task may still succeed: only a callback reports the failure, or the task was found at the provider although
 * the answer to its submit was a refusal. Such a task is checked until the wait for a result is over.
 */
export function mayStillSucceed({ failure, charge }: FailedTask): boolean {
  return failure.by === 'callback' || (failure.code === 'SUBMISSION_REFUSED' && charge === 'CHARGED')
}

/** The name of a stem within its task. Stems of the same name from two sources are the same stem. */
export function stemName(stem: Pick<Stem, 'part' | 'label'>): string {
  if (stem.part !== 'other') return stem.part
  const label = (stem.label ?? '').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-')
  return `other.${label}`
}
