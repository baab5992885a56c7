import type { Refusal } from '../../separation/task.ts'

/** The refusal of an order that was never sent: nothing was charged. */
export function notSentRefusal(message: string, retryable: boolean): Refusal {
  return { reason: 'unavailable', providerCode: null, message, retryable, retryAfterSeconds: null }
}
