import { StemgateError } from './errors.ts'
import { wait } from './wait.ts'

const maxRetries = 5
const maxBackoffMs = 10_000
/** A call that has to wait for longer fails. A subscription is tried again after this time. */
const maxRetryAfterSeconds = 60

/** How long to wait before a retry (0 is the first), in milliseconds. Random, so that clients do not come back together. */
export function backoffMs(nth: number, { retryAfterSeconds }: StemgateError): number {
  const backoff = Math.min(maxBackoffMs, 500 * 2 ** nth) * (0.5 + Math.random() / 2)
  return Math.max(backoff, Math.min(retryAfterSeconds ?? 0, maxRetryAfterSeconds) * 1_000)
}

/** Calls again after a failure that may pass: five times, with pauses of some 15 seconds in all unless the gateway asks for longer ones. */
export async function withRetries<T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
  for (let nth = 0; ; nth++) {
    try {
      return await call()
    } catch (error) {
      const isTemporary = error instanceof StemgateError && error.retryable && nth < maxRetries
      if (!isTemporary || (error.retryAfterSeconds ?? 0) > maxRetryAfterSeconds) throw error
      await wait(backoffMs(nth, error), signal)
    }
  }
}
