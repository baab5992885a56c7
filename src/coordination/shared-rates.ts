import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { orderWindowMs, type OrderRate, type Rates, type ReadRate } from '../providers/client/rates.ts'
import { derived } from '../runtime/derived.ts'
import type { RateCounter } from '../separation/store/rate-counter.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import { createFairRate, noWaitingOrders, shareOf } from './fair-rate.ts'
import type { RatesOptions } from './in-process-rates.ts'
import { createLocalReads, createReadRate, readSlotsOf } from './read-rate.ts'

export interface SharedRatesOptions extends RatesOptions {
  /** Where all gateways count. The first one that answers decides. */
  readonly counters: readonly RateCounter[]
}

/**
 * Creates rates that several gateways share. While no counter answers, each gateway counts alone: orders go on, and the provider
 * refuses orders beyond its rate, which costs nothing. While the gateways change from one counter to another, they may exceed
 * the rate once.
 */
export function createSharedRates(options: SharedRatesOptions): Rates {
  return {
    of: (provider) => ({
      orders: createOrderRate(options, provider),
      reads: createSharedReadRate(options, provider),
    }),
  }
}

function createOrderRate(options: SharedRatesOptions, provider: ProviderName): OrderRate {
  const { counters, submitsPer10Seconds: limit, windowMs = orderWindowMs } = options
  // Always counts this gateway's orders, so that the count is right if no counter answers.
  const local = createFairRate({ limit, windowMs })

  return {
    limit,
    async acquire(caller, waiting = noWaitingOrders) {
      const max = limit()
      const own = local.acquire(caller, waiting)
      const slot = { provider, name: randomUUID(), caller: createHash('sha256').update(caller).digest('base64url') }
      const request = {
        ...slot,
        // Without a local slot, only tells the other gateways that the caller waits.
        mayTake: own.kind === 'acquired',
        limit: max,
        share: shareOf(max),
        waitingAll: waiting.all,
        waitingOwn: waiting.own,
        windowMs,
      }
      const answered = await firstAnswer(counters, (counter) => counter.takeOrderSlot(request))
      if (own.kind === 'full') return own
      if (answered?.answer.isTaken === false) {
        own.release()
        const { freeInMs, isFull, isShareUsed } = answered.answer
        return { kind: 'full', freeInMs, isFull, isShareUsed }
      }
      return {
        kind: 'acquired',
        release() {
          own.release()
          // If the counter does not answer, the slot becomes free when the window has passed.
          answered?.counter.freeOrderSlot(slot).catch(() => {})
        },
        sent() {
          own.sent()
          answered?.counter.renewOrderSlot(request).catch(() => {})
        },
      }
    },
  }
}

/** Always counts this gateway's reads as well, as `createOrderRate` does for orders. */
function createSharedReadRate({ counters, readsPerSecond }: SharedRatesOptions, provider: ProviderName): ReadRate {
  const local = createLocalReads(readsPerSecond)
  const rate = derived(readsPerSecond, readSlotsOf)

  return createReadRate(async (count, signal) => {
    const { acquired, freeInMs, release } = local.acquire(count)
    if (acquired === 0) return { acquired, freeInMs }
    const request = { provider, count: acquired, ...rate() }
    const answered = await firstAnswer(counters, (counter) => counter.takeReadSlots(request))
    if (answered === null) return { acquired, freeInMs }
    const { taken, inMs } = answered.answer
    release(acquired - taken)
    if (taken === 0) return { acquired: 0, freeInMs: inMs }
    if (inMs > 0) await sleep(Math.ceil(inMs), undefined, { signal }).catch(() => {})
    return { acquired: taken, freeInMs: 0 }
  })
}

/** The answer of the first counter that gives one; null if none does. */
async function firstAnswer<T>(
  counters: readonly RateCounter[],
  ask: (counter: RateCounter) => Promise<T>,
): Promise<{ readonly counter: RateCounter; readonly answer: T } | null> {
  for (const counter of counters) {
    try {
      return { counter, answer: await ask(counter) }
    } catch {
      // Whoever counts logs its own outages.
    }
  }
  return null
}
