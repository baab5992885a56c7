import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'

/** How often each caller may come. */
export interface RequestRate {
  /** Counts one; for how many seconds there is no place for it, or 0. */
  acquire(owner: string): Promise<number>
}

const minuteSeconds = 60

/** So many in a minute for each caller by itself. */
export function createRequestRate(perMinute: number): RequestRate {
  const limiter = new RateLimiterMemory({ points: perMinute, duration: minuteSeconds })
  return {
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
