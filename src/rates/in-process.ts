import { orderWindowMs, type Rates } from '../providers/rates.ts'
import { createOwnReads, createReadPace, paceOf } from './read-pace.ts'
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
      const reads = createOwnReads(paceOf(readsPerSecond))
      return {
        orders: {
          limit,
          async take() {
            const place = rate.take()
            return place === null ? { kind: 'full', freeInMs: rate.freeInMs() } : { kind: 'taken', ...place }
          },
        },
        reads: createReadPace(async (count) => reads.take(count)),
      }
    },
  }
}
