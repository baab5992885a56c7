/** Knows whether a provider is worth trying. */
export interface Breaker {
  /** Asks to try once; `giveBack` if nothing was tried after all. */
  try(): { readonly giveBack: () => void } | null
  /** How long until another try is worth asking for, in milliseconds. */
  waitMs(): number
  /** What came of a try. */
  heard(isFailure: boolean): void
}

export interface BreakerOptions {
  /** After so many failures in a row nothing is tried any more. */
  readonly failures: number
  /** After each such pause, in milliseconds, a single try is let through (half open). */
  readonly pauseMs: number
}

/** Opens after repeated failures, and closes at the first success. Times are monotonic. */
export function createBreaker({ failures, pauseMs }: BreakerOptions): Breaker {
  let failuresInRow = 0
  let closedUntilMs = 0

  const waitMs = () => (failuresInRow < failures ? 0 : Math.max(0, closedUntilMs - performance.now()))

  return {
    waitMs,
    try() {
      if (waitMs() > 0) return null
      if (failuresInRow < failures) return { giveBack: () => {} }
      // The others wait for what comes of this one, but no longer than a pause: it may hang.
      const before = closedUntilMs
      closedUntilMs = performance.now() + pauseMs
      return { giveBack: () => void (closedUntilMs = before) }
    },
    heard(isFailure) {
      failuresInRow = isFailure ? failuresInRow + 1 : 0
      if (isFailure) closedUntilMs = performance.now() + pauseMs
    },
  }
}
