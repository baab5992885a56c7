import type { BudgetStatus } from '../caller-limits.ts'
import type { Tombstone } from '../store/order-writer.ts'
import type { Charge, Task } from '../task/task.ts'
import type { Refusal } from '../task/failure.ts'

/** One thing that is wrong with an input. */
export interface InputIssue {
  /** The names from the input's root, e.g. `['input', 'audioId']`. */
  readonly path: readonly string[]
  readonly message: string
}

/**
 * Why an order was not accepted. Nothing was charged. `retryable`: whether the same call may succeed later. `task`: the stored
 * order, if the provider refused it, or the task of the key; null if nothing was stored.
 */
export type OrderRefusal = { readonly message: string; readonly task: Task | null } & (
  | { readonly kind: 'invalid-input'; readonly retryable: false; readonly issues: readonly InputIssue[] }
  /** The idempotency key was first used with another input. `task` is the task of that key. */
  | { readonly kind: 'idempotency-conflict'; readonly retryable: false; readonly task: Task }
  /** The idempotency key was used for an order whose task was deleted. */
  | { readonly kind: 'task-deleted'; readonly retryable: false; readonly charge: Charge }
  /** The operator's account at the provider has too few credits. */
  | { readonly kind: 'insufficient-credits'; readonly retryable: false }
  | { readonly kind: 'rate-limited'; readonly retryable: true; readonly retryAfterSeconds: number }
  /** The order would exceed a budget of the caller. Retryable unless the whole budget is too small for it. */
  | {
      readonly kind: 'budget-exceeded'
      readonly retryable: boolean
      readonly retryAfterSeconds: number
      readonly status: BudgetStatus
    }
  /** The provider has no such track. */
  | { readonly kind: 'track-not-found'; readonly retryable: false }
  /** The provider refused for another reason. */
  | { readonly kind: 'refused'; readonly retryable: false; readonly providerCode: number | null }
  /** The provider cannot accept orders now. */
  | { readonly kind: 'unavailable'; readonly retryable: boolean }
)

const defaultRetryAfterSeconds = 10

/** The day that begins at a midnight, UTC, such as `1 January 2027`. */
const midnight = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' })

export function invalidInput(issues: readonly InputIssue[]): OrderRefusal {
  const message = issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join(' ')
  return { kind: 'invalid-input', message, retryable: false, issues, task: null }
}

export function idempotencyConflict(task: Task): OrderRefusal {
  const message = 'This idempotencyKey was first used with another input. Use a new key for a new order.'
  return { kind: 'idempotency-conflict', message, retryable: false, task }
}

export function taskDeleted({ charge, orderedAtMs }: Tombstone): OrderRefusal {
  const day = new Date(orderedAtMs).toISOString().slice(0, 10)
  const message =
    `This idempotencyKey was used for an order of ${day}, whose task has been deleted. Nothing was ordered or charged now. ` +
    'Use a new key to order again.'
  return { kind: 'task-deleted', message, retryable: false, charge, task: null }
}

export function rateLimited(message: string, retryAfterSeconds: number, task: Task | null = null): OrderRefusal {
  return { kind: 'rate-limited', message, retryable: true, retryAfterSeconds, task }
}

/** @param amount what the order would take */
export function budgetExceeded(status: BudgetStatus, amount: number, nowMs: number): OrderRefusal {
  const { budget, used, resetsAtMs } = status
  const { kind, period, limit } = budget
  const retryable = amount <= limit
  const unit = kind === 'credits' || kind === 'orders' ? kind : `${kind.toUpperCase()} orders`
  const limitText = `${limit} ${limit === 1 ? unit.slice(0, -1) : unit}`
  const retryAfterSeconds = Math.max(1, Math.ceil((resetsAtMs - nowMs) / 1_000))
  const message = [
    `Your budget of ${limitText} per ${period} does not allow this order: ${used} ${used === 1 ? 'is' : 'are'} used`,
    kind === 'credits' ? `, and it costs ${amount}.` : '.',
    ' Nothing was ordered.',
    retryable
      ? ` The next ${period} starts on ${midnight.format(resetsAtMs)} at 00:00 UTC.`
      : ' Ask the operator for a larger budget.',
  ]
  return { kind: 'budget-exceeded', message: message.join(''), retryable, retryAfterSeconds, status, task: null }
}

/**
 * The refusal of a provider as its caller sees it.
 * @param task the stored order; null if it was refused before it was stored
 */
export function orderRefusalOf(refusal: Refusal, task: Task | null): OrderRefusal {
  const { reason, message, providerCode, retryable, retryAfterSeconds } = refusal
  switch (reason) {
    case 'invalid-input':
      return { kind: reason, message, retryable: false, issues: [{ path: ['input'], message }], task }
    case 'track-not-found':
    case 'insufficient-credits':
      return { kind: reason, message, retryable: false, task }
    case 'rate-limited':
      return rateLimited(message, retryAfterSeconds ?? defaultRetryAfterSeconds, task)
    case 'refused':
      return { kind: reason, message, retryable: false, providerCode, task }
    case 'unavailable':
      return { kind: reason, message, retryable, task }
  }
}
