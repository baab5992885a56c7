import type { Refusal, Task } from './task.ts'

/** One thing that is wrong with an input. */
export interface InputIssue {
  /** Where: the names from the input's root, e.g. `['audioId']`. */
  readonly path: readonly string[]
  readonly message: string
}

/** An order that is not taken. `retryable`: whether the same call may succeed later. */
abstract class OrderError extends Error {
  abstract readonly retryable: boolean
}

/** The input cannot be ordered as it stands; `issues` says what to change. */
export class InvalidInputError extends OrderError {
  override readonly name = 'InvalidInputError'
  readonly retryable = false
  readonly issues: readonly InputIssue[]
  constructor(issues: readonly InputIssue[]) {
    super(issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join(' '))
    this.issues = issues
  }
}

/** The idempotency key was first used with another input. */
export class IdempotencyConflictError extends OrderError {
  override readonly name = 'IdempotencyConflictError'
  readonly retryable = false
  /** The task to which the key leads. */
  readonly task: Task
  constructor(task: Task) {
    super('This idempotencyKey was first used with another input. Use a new key for a new order.')
    this.task = task
  }
}

/** The operator's account at the provider is empty. */
export class InsufficientCreditsError extends OrderError {
  override readonly name = 'InsufficientCreditsError'
  readonly retryable = false
}

/** Too many orders at once. */
export class RateLimitedError extends OrderError {
  override readonly name = 'RateLimitedError'
  readonly retryable = true
  readonly retryAfterSeconds: number
  constructor(message: string, retryAfterSeconds: number) {
    super(message)
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** The provider has no such track. */
export class TrackNotFoundError extends OrderError {
  override readonly name = 'TrackNotFoundError'
  readonly retryable = false
}

/** The provider refused for a reason of its own. */
export class ProviderRefusedError extends OrderError {
  override readonly name = 'ProviderRefusedError'
  readonly retryable = false
  readonly providerCode: number | null
  constructor(message: string, providerCode: number | null) {
    super(message)
    this.providerCode = providerCode
  }
}

/** The provider cannot take orders now; nothing was charged. */
export class ProviderUnavailableError extends OrderError {
  override readonly name = 'ProviderUnavailableError'
  readonly retryable: boolean
  constructor(message: string, retryable: boolean) {
    super(message)
    this.retryable = retryable
  }
}

/** Every reason for which an order is not taken. */
export type SeparateError =
  | InvalidInputError
  | IdempotencyConflictError
  | InsufficientCreditsError
  | RateLimitedError
  | TrackNotFoundError
  | ProviderRefusedError
  | ProviderUnavailableError

/** Whether the error tells the caller why its order was not taken. */
export function isSeparateError(error: unknown): error is SeparateError {
  return error instanceof OrderError
}

/** Our own store cannot read or write now. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError'
}

/** A stored task that only a later version of the gateway understands. */
export class NewerTaskError extends StoreUnavailableError {}

/** The row of a stored task holds something that no version wrote. */
export class DamagedTaskError extends Error {
  override readonly name = 'DamagedTaskError'
}

/** Whether the error is of one stored task alone, so that others can be read all the same. */
export function isSingleTaskError(error: unknown): error is NewerTaskError | DamagedTaskError {
  return error instanceof NewerTaskError || error instanceof DamagedTaskError
}

/** The provider had to be asked for an answer and could not be. */
export class ProviderUnreadableError extends Error {
  override readonly name = 'ProviderUnreadableError'
}

/** The provider would have to be asked for a task that may then become the caller's, where nothing may be changed. */
export class AdoptionNotAllowedError extends Error {
  override readonly name = 'AdoptionNotAllowedError'
  constructor() {
    super(
      'You have no task with this id. To have the provider asked for it, send the operation by POST: a GET changes nothing.',
    )
  }
}

/** The caller has asked for too many unknown tasks. */
export class TooManyMissesError extends Error {
  override readonly name = 'TooManyMissesError'
  readonly retryAfterSeconds: number
  constructor(retryAfterSeconds: number) {
    super(`Too many unknown task ids were asked for. Try again in ${retryAfterSeconds} s.`)
    this.retryAfterSeconds = retryAfterSeconds
  }
}

const defaultRetryAfterSeconds = 10

/** A provider's refusal as the error that its caller is given. */
export function errorOf(refusal: Refusal): SeparateError {
  const { reason, message, providerCode, retryable, retryAfterSeconds } = refusal
  switch (reason) {
    case 'invalid-input':
      return new InvalidInputError([{ path: ['input'], message }])
    case 'track-not-found':
      return new TrackNotFoundError(message)
    case 'insufficient-credits':
      return new InsufficientCreditsError(message)
    case 'rate-limited':
      return new RateLimitedError(message, retryAfterSeconds ?? defaultRetryAfterSeconds)
    case 'refused':
      return new ProviderRefusedError(message, providerCode)
    case 'unavailable':
      return new ProviderUnavailableError(message, retryable)
  }
}

/** The store holds another task that already bears this provider's id. */
export class DuplicateBindingError extends Error {
  override readonly name = 'DuplicateBindingError'
}
