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

/** A limit of `perMinute` requests per minute for each caller. */
export function createRequestRate(perMinute: number): RequestRate {
  const limiter = new RateLimiterMemory({ points: perMinute, duration: minuteSeconds })
  return {
    async status(owner) {
      const used = await limiter.get(owner)
      return { perMinute, remaining: used?.remainingPoints ?? perMinute, resetsInMs: used?.msBeforeNext ?? 0 }
    },
    async acquire(owner) {
      try {
        await limiter.consume(owner)
        return 0
      } catch (limit) {
        return limit instanceof RateLimiterRes ? Math.max(1, Math.ceil(limit.msBeforeNext / 1_000)) : minuteSeconds
      }
    },
  }
}
