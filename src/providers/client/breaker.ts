/** Whose order for what: what a failure may be peculiar to. */
export interface OrderOrigin {
  readonly caller: string
  readonly track: string
}

/** Knows whether a provider is worth trying. */
export interface Breaker {
  /** Asks to try once; `release` if nothing was tried after all. */
  attempt(order: OrderOrigin): { readonly release: () => void } | null
  /** How long until another try of such an order is worth asking for, in milliseconds. */
  waitMs(order: OrderOrigin): number
  /** What came of a try. */
  report(order: OrderOrigin, isFailure: boolean): void
}

export interface BreakerOptions {
  /** After so many failures in a row nothing is tried any more. */
  readonly failures: number
  /** After each such pause, in milliseconds, a single try is let through (half open). */
  readonly pauseMs: number
}

/** Of the failures in a row, so many are remembered, the newest ones. */
const maxRememberedFailures = 32

/**
 * Opens after repeated failures, and closes at the first success. For everybody it opens only upon failures of several
 * callers and several tracks: one of them counts for at most half of the failures, rounded up. What a single caller or a
 * single track fails by itself holds up that caller or that track alone. Times are monotonic.
 */
export function createBreaker({ failures, pauseMs }: BreakerOptions): Breaker {
  /** The failures since the last success, oldest first. */
  let failed: OrderOrigin[] = []
  let openUntilMs = 0
  /** Callers who were turned away since the last failure: they come before the caller of that failure. */
  const rejectedCallers = new Set<string>()

  function isBlocked({ caller, track }: OrderOrigin): boolean {
    if (failed.length < failures) return false
    const ofCaller = failed.filter((each) => each.caller === caller).length
    const ofTrack = failed.filter((each) => each.track === track).length
    return ofCaller >= failures || ofTrack >= failures || isOpenForAll()
  }

  function isOpenForAll(): boolean {
    const maxPerOrigin = Math.ceil(failures / 2)
    const counts = new Map<string, number>()
    let counted = 0
    for (const { caller, track } of failed) {
      const names = [`caller ${caller}`, `track ${track}`]
      if (names.some((name) => (counts.get(name) ?? 0) >= maxPerOrigin)) continue
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
      counted += 1
    }
    return counted >= failures
  }

  function waitMs(order: OrderOrigin): number {
    if (!isBlocked(order)) return 0
    const isLastFailed = failed.at(-1)?.caller === order.caller
    const othersFirstMs = isLastFailed && [...rejectedCallers].some((caller) => caller !== order.caller) ? pauseMs : 0
    return Math.max(0, openUntilMs + othersFirstMs - performance.now())
  }

  return {
    waitMs,
    attempt(order) {
      if (waitMs(order) > 0) {
        rejectedCallers.add(order.caller)
        return null
      }
      if (!isBlocked(order)) return { release: () => {} }
      // The others wait for what comes of this one, but no longer than a pause: it may hang.
      const before = openUntilMs
      const untilMs = performance.now() + pauseMs
      openUntilMs = untilMs
      return {
        release() {
          if (openUntilMs === untilMs) openUntilMs = before
        },
      }
    },
    report(order, isFailure) {
      if (!isFailure) {
        failed = []
        rejectedCallers.clear()
        return
      }
      failed = [...failed, order].slice(-maxRememberedFailures)
      openUntilMs = performance.now() + pauseMs
      rejectedCallers.clear()
    },
  }
}
