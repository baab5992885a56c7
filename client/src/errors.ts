import type { Refusal, Task } from './task.ts'

export interface StemgateErrorOptions extends ErrorOptions {
  readonly retryable?: boolean
  readonly retryAfterSeconds?: number | null
}

/** Why a call failed. `message` can be shown to users. */
export class StemgateError extends Error {
  override readonly name: string = 'StemgateError'
  /**
   * The gateway's code, such as `UNAUTHENTICATED`, or one of the client's: `UNREACHABLE` (no answer in time),
   * `BAD_RESPONSE` (the answer is not a gateway's), `TASK_NOT_FOUND`.
   */
  readonly code: string
  /** Whether the same call may succeed later. */
  readonly retryable: boolean
  /** How long to wait before the next call, in seconds; null if the gateway did not say. */
  readonly retryAfterSeconds: number | null
  /**
   * The key of the order that failed; null for all other calls. The gateway may have accepted the order, and only its answer
   * was lost: send the same order with this key again, and it is charged once.
   */
  idempotencyKey: string | null = null

  constructor(code: string, message: string, options: StemgateErrorOptions = {}) {
    super(message, options)
    this.code = code
    this.retryable = options.retryable ?? false
    this.retryAfterSeconds = options.retryAfterSeconds ?? null
  }
}

/** An order was refused. Nothing is charged. */
export class OrderRefusedError extends StemgateError {
  override readonly name = 'OrderRefusedError'
  readonly refusal: Refusal

  /** `code` is the type of the refusal: `RateLimitedError` gives `RATE_LIMITED`. */
  constructor(refusal: Refusal) {
    const words = refusal.__typename.replace(/Error$/, '').match(/[A-Z][a-z]*/g) ?? []
    super(words.join('_').toUpperCase(), refusal.message, {
      retryable: refusal.retryable,
      retryAfterSeconds: 'retryAfterSeconds' in refusal ? refusal.retryAfterSeconds : null,
    })
    this.refusal = refusal
  }
}

/** A separation was accepted, and then failed. `task.charge` says whether it was paid for. */
export class SeparationFailedError extends StemgateError {
  override readonly name = 'SeparationFailedError'
  readonly task: Task

  /** `code` is the code of `task.failure`. */
  constructor(task: Task) {
    super(task.failure?.code ?? task.status, task.failure?.message ?? 'The separation failed.')
    this.task = task
  }
}
