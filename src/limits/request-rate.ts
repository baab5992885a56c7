import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'

/** What is left of a caller's limit. */
export interface RateStatus {
  readonly perMinute: number
  readonly remaining: number
  /** When the whole limit is available again, in milliseconds from now. 0: it is now. */
  readonly resetsInMs: number
}

/** Limits the requests of each caller. */
export interface RequestRate {
  /** Counts a request. Returns 0 if it is allowed, else the seconds until the next slot. */
  acquire(owner: string): Promise<number>
  status(owner: string): Promise<RateStatus>
}

const minuteSeconds = 60

/** A limit of `limit()` requests per minute for each caller. The limit may be replaced: what a caller has used stays used. */
export function createRequestRate(limit: () => number): RequestRate {
  const limiter = new RateLimiterMemory({ points: limit(), duration: minuteSeconds })
  return {
    async status(owner) {
      const perMinute = limit()
      const used = await limiter.get(owner)
      const remaining = Math.max(0, perMinute - (used?.consumedPoints ?? 0))
      return { perMinute, remaining, resetsInMs: used?.msBeforeNext ?? 0 }
    },
    async acquire(owner) {
      limiter.points = limit()
      try {
        await limiter.consume(owner)
        return 0
      } catch (rejection) {
        return rejection instanceof RateLimiterRes
          ? Math.max(1, Math.ceil(rejection.msBeforeNext / 1_000))
          : minuteSeconds
      }
    },
  }
}
