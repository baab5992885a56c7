/** Knows whether a provider is worth trying. */
export interface Breaker {
  /** Asks to try once. Whoever may, says what came of it by `heard`, or gives the try back. */
  try(): { readonly giveBack: () => void } | null
  /** How long until another try is worth asking for, in milliseconds. */
  readonly waitMs: () => number
  /** What came of a try. */
  heard(isFailure: boolean): void
}

export interface BreakerOptions {
  /** After so many failures in a row nothing is tried any more. */
  readonly failures: number
  /** After this, in milliseconds, a single try is let through (half open): what comes of it decides. */
  readonly pauseMs: number
}

/** Opens after repeated failures, and closes at the first success. Times are monotonic. */
export function createBreaker({ failures, pauseMs }: BreakerOptions): Breaker {
  let failuresInRow = 0
  let opensAgainAtMs = 0
  /** The single try that is under way while the breaker is half open. */
  let trial: object | null = null

  const waitMs = () => Math.max(0, opensAgainAtMs - performance.now())

  return {
    waitMs,
    try() {
      if (failuresInRow < failures) return { giveBack: () => {} }
      if (waitMs() > 0 || trial !== null) return null
      const mine = {}
      trial = mine
      return { giveBack: () => void (trial = trial === mine ? null : trial) }
    },
    heard(isFailure) {
      trial = null
      failuresInRow = isFailure ? failuresInRow + 1 : 0
      if (failuresInRow >= failures) opensAgainAtMs = performance.now() + pauseMs
    },
  }
}
