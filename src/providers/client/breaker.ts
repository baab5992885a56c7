import type { BreakerState } from './provider-state.ts'

/** The caller and the track of an order: a failure may be specific to either. */
export interface OrderOrigin {
  readonly caller: string
  readonly track: string
}

/** A circuit breaker: stops orders to a provider that does not answer. */
export interface Breaker {
  /** Permits one attempt, or returns null. Call `release` if nothing was sent. */
  attempt(order: OrderOrigin): { readonly release: () => void } | null
  /** How long until this order may be attempted, in milliseconds; 0 if it may be attempted now. */
  waitMs(order: OrderOrigin): number
  state(): BreakerState
  /** Reports the outcome of an attempt. */
  report(order: OrderOrigin, isFailure: boolean): void
}

export interface BreakerOptions {
  /** The number of consecutive failures that opens the breaker. */
  readonly failures: number
  /** An open breaker permits one attempt after each pause (half open). In milliseconds. */
  readonly pauseMs: number
  /** Called when it opens, for whomever, and when it closes. */
  readonly onChange?: (isOpen: boolean) => void
}

/** How many of the latest failures are kept. */
const maxFailures = 32

/**
 * Opens after consecutive failures and closes at the first success. It opens for all callers only if several callers and
 * several tracks fail: one caller or one track counts for at most half of `failures`, rounded up. If only one caller or
 * one track fails, it opens for that caller or that track alone. Times are monotonic.
 */
export function createBreaker({ failures, pauseMs, onChange }: BreakerOptions): Breaker {
  /** The origins of the failures since the last success, oldest first. */
  let failed: OrderOrigin[] = []
  let openUntilMs = 0
  /** Callers that were rejected since the last failure. They go before the caller of that failure. */
  const rejectedCallers = new Set<string>()

  function isBlocked({ caller, track }: OrderOrigin): boolean {
    if (failed.length < failures) return false
    const callerFailures = failed.filter((each) => each.caller === caller).length
    const trackFailures = failed.filter((each) => each.track === track).length
    return callerFailures >= failures || trackFailures >= failures || isOpenForAll()
  }

  function isOpenForAll(): boolean {
    const maxPerOrigin = Math.ceil(failures / 2)
    const counts = new Map<string, number>()
    let counted = 0
    for (const { caller, track } of failed) {
      const origins = [`caller ${caller}`, `track ${track}`]
      if (origins.some((origin) => (counts.get(origin) ?? 0) >= maxPerOrigin)) continue
      for (const origin of origins) counts.set(origin, (counts.get(origin) ?? 0) + 1)
      counted += 1
    }
    return counted >= failures
  }

  function waitMs(order: OrderOrigin): number {
    if (!isBlocked(order)) return 0
    const hasFailedLast = failed.at(-1)?.caller === order.caller
    const othersFirstMs = hasFailedLast && [...rejectedCallers].some((caller) => caller !== order.caller) ? pauseMs : 0
    return Math.max(0, openUntilMs + othersFirstMs - performance.now())
  }

  return {
    waitMs,
    state() {
      if (isOpenForAll()) return 'open'
      return failed.some(isBlocked) ? 'open-for-some' : 'closed'
    },
    attempt(order) {
      if (waitMs(order) > 0) {
        rejectedCallers.add(order.caller)
        return null
      }
      if (!isBlocked(order)) return { release: () => {} }
      // Other orders wait for the outcome of this attempt, at most one pause: it may hang.
      const previousMs = openUntilMs
      const untilMs = performance.now() + pauseMs
      openUntilMs = untilMs
      return {
        release() {
          if (openUntilMs === untilMs) openUntilMs = previousMs
        },
      }
    },
    report(order, isFailure) {
      const wasOpen = failed.length >= failures
      if (!isFailure) {
        failed = []
        rejectedCallers.clear()
        if (wasOpen) onChange?.(false)
        return
      }
      failed = [...failed, order].slice(-maxFailures)
      openUntilMs = performance.now() + pauseMs
      rejectedCallers.clear()
      if (!wasOpen && failed.length >= failures) onChange?.(true)
    },
  }
}
