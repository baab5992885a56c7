import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { CallerRate } from '../graphql/context.ts'

const minuteSeconds = 60

/** So many in a minute for each caller by itself. */
export function createCallerRate(perMinute: number): CallerRate {
  const limiter = new RateLimiterMemory({ points: perMinute, duration: minuteSeconds })
  return {
    async take(owner) {
      try {
        await limiter.consume(owner)
        return 0
      } catch (limit) {
        return limit instanceof RateLimiterRes ? Math.max(1, Math.ceil(limit.msBeforeNext / 1_000)) : minuteSeconds
      }
    },
  }
}
