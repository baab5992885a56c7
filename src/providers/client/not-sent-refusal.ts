import type { Refusal } from '../../separation/task/failure.ts'

/** Creates the refusal of an order that was not sent. Nothing was charged. */
export function notSentRefusal(message: string, retryable: boolean): Refusal {
  return { reason: 'unavailable', providerCode: null, message, retryable, retryAfterSeconds: null }
}
