/** The providers we can order from. The sandbox is one of them. */
export const providerNames = ['kie', 'apikley', 'sunoapi', 'sandbox'] as const
export type ProviderName = (typeof providerNames)[number]

/** What is ordered, in the providers' own words (`type` of `POST /vocal-removal/generate`). */
export const separationTypes = ['separate_vocal', 'split_stem'] as const
export type SeparationType = (typeof separationTypes)[number]

/** What each type of separation is expected to yield. `pianoUrl` stands in record-info only. */
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

/** A part that we do not know is `other` and keeps the provider's own label. */
export type StemPart = KnownPart | 'other'

/** Every known part once, in the order in which stems are listed. */
export const knownParts: readonly KnownPart[] = [...new Set(Object.values(partsOfType).flat())]

export type SeparationStatus =
  'PENDING' | 'SUCCESS' | 'CREATE_TASK_FAILED' | 'GENERATE_AUDIO_FAILED' | 'CALLBACK_EXCEPTION'

/** Whether the provider has taken money: an accepted submit is a charge, an answer that never came may be one. */
export type Charge = 'NONE' | 'CHARGED' | 'MAYBE'

/** Who said it: record-info can be forged by nobody and knows more, so its words win over a callback's. */
export type Source = 'callback' | 'record-info'

/** A value and who said it. */
export interface Reported<T> {
  readonly value: T
  readonly by: Source
}

/** An address and when it was reported, in milliseconds since 1970: of two from one source, the later one counts. */
export interface StemUrl extends Reported<string> {
  readonly atMs: number
}

/** One separated part of the track. */
export interface Stem {
  readonly part: StemPart
  /** The provider's own name for the part; null where it has none beside the part. */
  readonly label: string | null
  readonly url: StemUrl
  /** Only record-info's `originData` tells it. */
  readonly durationSeconds: number | null
  /** What the provider calls this stem (`originData[].id`): needed to order MIDI for it alone. null where it names none. */
  readonly originId: string | null
}

/** When a separation was completed, in milliseconds since 1970. */
export interface CompletedAt extends Reported<number> {
  /** Whether the provider gave this time; otherwise it is the time at which the gateway learned of the result. */
  readonly isReported: boolean
}

/** Why a task failed, from the weakest statement of one source to the strongest: see `advance`. */
export const failureCodes = [
  'SUBMISSION_UNCONFIRMED',
  'SUBMISSION_REFUSED',
  'CALLBACK_FAILED',
  'NO_RESULT',
  'CREATION_FAILED',
  'GENERATION_FAILED',
] as const
export type FailureCode = (typeof failureCodes)[number]

/** Why a provider definitely did not take an order, by what the caller can do about it. */
export const refusalReasons = [
  'invalid-input',
  'track-not-found',
  'insufficient-credits',
  'rate-limited',
  'refused',
  /** The provider cannot be reached, is closed for maintenance, or does not accept our key. */
  'unavailable',
] as const
export type RefusalReason = (typeof refusalReasons)[number]

export interface Refusal {
  readonly reason: RefusalReason
  readonly providerCode: number | null
  /** Written for the caller: what was wrong and what to do next. Holds no secret. */
  readonly message: string
  /** Whether the same call may succeed later. */
  readonly retryable: boolean
  readonly retryAfterSeconds: number | null
}

export interface Failure {
  readonly code: FailureCode
  /** The number that the provider gave, if it gave one. */
  readonly providerCode: number | null
  readonly message: string
  /** Who said so; `gateway` where it is our own conclusion. */
  readonly by: Source | 'gateway'
  readonly atMs: number
  /** Only with SUBMISSION_REFUSED: what whoever ordered is told. */
  readonly refusal?: Refusal | undefined
}

/** What is true of a task in every state. Times are milliseconds since 1970. */
interface TaskBase {
  /** Ours: a TypeID with the prefix `sep`. */
  readonly id: string
  /** The caller it belongs to, e.g. `anonymous`. */
  readonly owner: string
  readonly provider: ProviderName
  /** What the provider calls it; null until the task is bound. */
  readonly providerTaskId: string | null
  /**
   * The id under which the provider runs this order although another task is bound to it, as at a provider that answers
   * two equal orders with one task. record-info is read by this id; nothing is bound to it. null for almost every task.
   */
  readonly sharedProviderTaskId: string | null
  /** null only for an adopted task that has not said yet. */
  readonly type: SeparationType | null
  /** The provider's id of the task that made the music; null for an adopted task. */
  readonly musicTaskId: string | null
  readonly audioId: string | null
  readonly musicId: Reported<string> | null
  readonly originUrl: Reported<string> | null
  readonly charge: Charge
  /** Grows by one with every change. */
  readonly revision: number
  readonly createdAtMs: number
  /** Whether `createdAtMs` is known; false for an adopted task of which the provider gave no time. */
  readonly isCreatedAtKnown: boolean
}

/** What a separation has yielded. */
export interface Result {
  /** In the order of `knownParts`, others last. Empty only if the provider never named one. */
  readonly stems: readonly Stem[]
  readonly completedAtMs: CompletedAt
  /** When the gateway first learned of this result, by its own clock. */
  readonly foundAtMs: number
}

export interface PendingTask extends TaskBase {
  readonly state: 'pending'
  /** The stems that record-info has named so far, while one that this type must have is still missing. */
  readonly partial: Result | null
  /** Since when record-info has been saying SUCCESS without naming every stem; null once it says PENDING again. */
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

/** The status that a caller sees, in the providers' words. */
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

/** Whether the task has its end. It may still improve (a failure becomes a success, a success gains stems), but is never pending again. */
export function isSettled(task: Task): task is SucceededTask | FailedTask {
  return task.state !== 'pending'
}

/** When the task reached its end, in milliseconds since 1970; null while it is pending. */
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

/**
 * Until when the provider keeps the files; null unless there are any, and for an adopted task of which the provider gave
 * neither when it was completed nor when it was created: it may be of any age.
 */
export function expiresAtMs(task: Task, retentionMs: number): number | null {
  if (task.state !== 'succeeded') return null
  const isAdopted = task.musicTaskId === null
  if (!isAdopted || task.completedAtMs.isReported) return task.completedAtMs.value + retentionMs
  return task.isCreatedAtKnown ? task.createdAtMs + retentionMs : null
}

/** The id by which record-info is read; null while none is known. */
export function recordInfoIdOf(task: Task): string | null {
  return task.providerTaskId ?? task.sharedProviderTaskId
}

/** What the separation of this type should have yielded and did not, in the order of `partsOfType`. */
export function missingParts(task: SucceededTask): readonly KnownPart[] {
  const present = new Set<StemPart>(task.stems.map((stem) => stem.part))
  return partsOfType[task.type ?? 'split_stem'].filter((part) => !present.has(part))
}

/**
 * Whether stems are all that a separation of this type must yield. A voice without the rest, or the rest without the voice,
 * is not whole; of a `split_stem` any stem may be all that the track has.
 */
export function isComplete(type: SeparationType | null, stems: readonly Pick<Stem, 'part'>[]): boolean {
  if (stems.length === 0) return false
  const present = new Set<StemPart>(stems.map(({ part }) => part))
  switch (type) {
    case 'separate_vocal':
      return partsOfType.separate_vocal.every((part) => present.has(part))
    case 'split_stem':
      return true
    // A voice by itself may be either type's.
    case null:
      return present.size > 1 || !present.has('vocal')
  }
}

/**
 * Whether the provider may be at work on a failed task: only a callback says that it failed, or it was seen at the provider
 * although the order's answer was a refusal. record-info is read until the wait for a result is over.
 */
export function mayStillSucceed({ failure, charge }: FailedTask): boolean {
  return failure.by === 'callback' || (failure.code === 'SUBMISSION_REFUSED' && charge === 'CHARGED')
}

/** Names a stem within its task: two sources that use the same name mean the same stem. */
export function stemName(stem: Pick<Stem, 'part' | 'label'>): string {
  if (stem.part !== 'other') return stem.part
  const label = (stem.label ?? '').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-')
  return `other.${label}`
}
