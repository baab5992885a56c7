/** A wait differs from the schedule by up to this share, so that messages that failed together are not repeated together. */
const jitterShare = 0.2
/** The longest wait that a receiver can ask for, in milliseconds. */
const maxAskedMs = 10 * 60 * 60_000

export interface RetryOptions {
  /** How many attempts have failed, this one included. */
  readonly failures: number
  /** The waits after the first failure, the second and so on, in milliseconds. No attempt follows the last one. */
  readonly delaysMs: readonly number[]
  /** How long the receiver asks to wait, in milliseconds; null if it does not. */
  readonly askedMs: number | null
  /** From 0 to 1, exclusive. */
  readonly random: () => number
}

/** How long to wait before the next attempt, in milliseconds; null: there is none. */
export function retryDelayMs({ failures, delaysMs, askedMs, random }: RetryOptions): number | null {
  const delayMs = delaysMs[failures - 1]
  if (delayMs === undefined) return null
  const spread = delayMs * (1 + jitterShare * (2 * random() - 1))
  return Math.max(spread, Math.min(askedMs ?? 0, maxAskedMs))
}

/** The wait that a `Retry-After` asks for: in seconds, or until a date. In milliseconds; null for anything else. */
export function parseRetryAfter(value: string, nowMs: number): number | null {
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000
  // A date of HTTP begins with its weekday. Date.parse also takes other texts.
  const atMs = /^[A-Z][a-z]{2}, /.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs)
}
