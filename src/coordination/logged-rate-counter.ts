import type { Log } from '../runtime/log.ts'
import { createOutageLog } from '../runtime/outage-log.ts'
import { StoreUnavailableError } from '../separation/errors.ts'
import type { RateCounter } from '../separation/store/rate-counter.ts'

/** The counter of a database, which logs when rates cannot be counted in it. */
export function withRateLog(counter: RateCounter, log: Log): RateCounter {
  const outage = createOutageLog({
    log,
    level: 'error',
    downMessage: 'the rates cannot be counted in the database: this gateway counts its own orders and reads alone',
    upMessage: 'the rates are counted in the database again',
  })

  async function logged<T>(result: Promise<T>): Promise<T> {
    try {
      const value = await result
      outage.worked()
      return value
    } catch (error) {
      // The store itself logs that it is unavailable.
      if (!(error instanceof StoreUnavailableError)) outage.failed({ err: error })
      throw error
    }
  }

  return {
    takeOrderSlot: (request) => logged(counter.takeOrderSlot(request)),
    renewOrderSlot: (slot) => logged(counter.renewOrderSlot(slot)),
    freeOrderSlot: (slot) => logged(counter.freeOrderSlot(slot)),
    takeReadSlots: (request) => logged(counter.takeReadSlots(request)),
  }
}
