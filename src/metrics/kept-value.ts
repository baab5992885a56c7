import { withTimeout } from '../runtime/with-timeout.ts'

/** How long a value is shown before it is read again, in milliseconds. */
const keptMs = 10_000
/** How long a scrape waits for a value, in milliseconds. */
const maxWaitMs = 1_000

/**
 * Reads a value of the database for the metrics: at most once in 10 seconds and never twice at a time, however many scrape.
 * null: the database does not answer within a second.
 */
export function createKeptValue<T>(read: () => Promise<T>): () => Promise<T | null> {
  let last: { readonly value: Promise<T | null>; untilMs: number } | null = null

  return function readKept() {
    if (last === null || last.untilMs <= performance.now()) {
      const value = read().catch(() => null)
      const reading = { value, untilMs: Infinity }
      last = reading
      void value.then(() => (reading.untilMs = performance.now() + keptMs))
    }
    return withTimeout(maxWaitMs, last.value)
  }
}
