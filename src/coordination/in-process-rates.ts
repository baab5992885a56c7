import { orderWindowMs, type Rates } from '../providers/client/rates.ts'
import { createFairRate } from './fair-rate.ts'
import { createLocalReads, createReadRate } from './read-rate.ts'

export interface RatesOptions {
  /** Called at each order, as the rate may be replaced. */
  readonly submitsPer10Seconds: () => number
  /** Called at each read. */
  readonly readsPerSecond: () => number
  /** The period of `submitsPer10Seconds`, in milliseconds. Tests shorten it. */
  readonly windowMs?: number
}

/** Creates rates that this gateway counts alone. */
export function createInProcessRates(options: RatesOptions): Rates {
  const { submitsPer10Seconds: limit, readsPerSecond, windowMs = orderWindowMs } = options

  return {
    of() {
      const orders = createFairRate({ limit, windowMs })
      const reads = createLocalReads(readsPerSecond)
      return {
        orders: { limit, acquire: async (caller, waiting) => orders.acquire(caller, waiting) },
        reads: createReadRate(async (count) => reads.acquire(count)),
      }
    },
  }
}
