import { RateLimiterMemory } from 'rate-limiter-flexible'
import { orderWindowMs, type Rates } from '../providers/rates.ts'
import { createReadPace, paceOf } from './read-pace.ts'
import { createRollingRate } from './rolling-rate.ts'

export interface RatesOptions {
  readonly submitsPer10Seconds: number
  readonly readsPerSecond: number
  /** The ten seconds of `submitsPer10Seconds`, in milliseconds: a test has less time. */
  readonly windowMs?: number
}

/** Rates that this gateway keeps by itself. */
export function createInProcessRates(options: RatesOptions): Rates {
  const { submitsPer10Seconds: limit, readsPerSecond, windowMs = orderWindowMs } = options

  return {
    of() {
      const rate = createRollingRate({ limit, windowMs })
      const { places, everyMs } = paceOf(readsPerSecond)
      const limiter = new RateLimiterMemory({ points: places, duration: everyMs / 1_000 })
      return {
        orders: {
          limit,
          async take() {
            const place = rate.take()
            return place === null ? { kind: 'full', freeInMs: rate.freeInMs() } : { kind: 'taken', ...place }
          },
        },
        reads: createReadPace(limiter, () => (limiter.points = Number.MAX_SAFE_INTEGER)),
      }
    },
  }
}
