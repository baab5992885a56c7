import type { Source } from './reported.ts'

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
