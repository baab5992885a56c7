import { RateLimiterQueue, type RateLimiterAbstract } from 'rate-limiter-flexible'
import type { ReadPace } from '../providers/rates.ts'

const shortestIntervalMs = 20

/**
 * How many reads there are at a time. One every tenth of a second, not ten every second: two bursts may else meet within
 * one of the provider's seconds.
 */
export function paceOf(readsPerSecond: number): { readonly places: number; readonly everyMs: number } {
  const places = Math.max(1, Math.floor((readsPerSecond * shortestIntervalMs) / 1_000))
  return { places, everyMs: (places * 1_000) / readsPerSecond }
}

/** Turns of the limiter's, first come, first served. `letThrough` has to make it refuse nothing any more. */
export function createReadPace(limiter: RateLimiterAbstract, letThrough: () => void): ReadPace {
  const queue = new RateLimiterQueue(limiter)
  let isStopped = false

  return {
    async turn() {
      if (!isStopped) await queue.removeTokens(1)
    },
    stop() {
      isStopped = true
      letThrough()
    },
  }
}
