import { createHash, randomUUID } from 'node:crypto'
import { orderWindowMs, type OrderRate, type Rates, type ReadRate } from '../providers/client/rates.ts'
import { derived } from '../runtime/derived.ts'
import type { RedisConnection } from './redis-connection.ts'
import { createFairRate, noWaitingOrders, shareOf } from './fair-rate.ts'
import type { RatesOptions } from './in-process-rates.ts'
import { orderRateScript } from './order-rate-script.ts'
import { readRateScript } from './read-rate-script.ts'
import { createLocalReads, createReadRate, readSlotsOf } from './read-rate.ts'

export interface RedisRatesOptions extends RatesOptions {
  readonly redis: RedisConnection
  /** Identifies the deployment, because several may share one Redis. */
  readonly deployment: string
}

/**
 * Creates rates that all gateways on one Redis share. While Redis is unavailable each gateway counts alone: orders go on,
 * and the provider refuses orders beyond its rate, which costs nothing.
 */
export function createRedisRates(options: RedisRatesOptions): Rates {
  const prefix = `stemgate:${options.deployment}`
  return {
    of: (provider) => ({
      orders: createOrderRate(options, `${prefix}:orders:${provider}`),
      reads: createSharedReadRate(options, `${prefix}:reads:${provider}`),
    }),
  }
}

function createOrderRate(options: RedisRatesOptions, key: string): OrderRate {
  const { redis, submitsPer10Seconds: limit, windowMs = orderWindowMs } = options
  // Always counts this gateway's orders, so that the count is right if Redis becomes unavailable.
  const local = createFairRate({ limit, windowMs })
  const script = orderRateScript(windowMs)

  return {
    limit,
    async acquire(caller, waiting = noWaitingOrders) {
      const max = limit()
      const slot = local.acquire(caller, waiting)
      const name = randomUUID()
      const callerId = createHash('sha256').update(caller).digest('base64url')
      const logs = [key, `${key}:of:${callerId}`]
      // Without a local slot, only tells the other gateways that the caller waits.
      const mayAcquire = slot.kind === 'acquired' ? 1 : 0
      const counts = [mayAcquire, max, shareOf(max), waiting.all, waiting.own].map(String)
      const args = { keys: [...logs, `${key}:waiting`], arguments: [...counts, name, callerId] }
      const answer = await redis.run((client) => client.eval(script, args)).catch(() => null)
      if (slot.kind === 'full') return slot
      const [isTaken, freeInMs, isFull, isShareUsed] = numbersOf(answer)
      if (isTaken === 0 && freeInMs !== undefined) {
        slot.release()
        return { kind: 'full', freeInMs, isFull: isFull === 1, isShareUsed: isShareUsed === 1 }
      }
      return {
        kind: 'acquired',
        release() {
          slot.release()
          // If Redis is unavailable, the slot becomes free when the window has passed.
          for (const log of logs) redis.run((client) => client.zRem(log, name)).catch(() => {})
        },
      }
    },
  }
}

/** Always counts this gateway's reads as well, as `createOrderRate` does for orders. */
function createSharedReadRate({ redis, readsPerSecond }: RedisRatesOptions, key: string): ReadRate {
  const local = createLocalReads(readsPerSecond)
  const rate = derived(readsPerSecond, (perSecond) => {
    const { slots, everyMs } = readSlotsOf(perSecond)
    return { slots, script: readRateScript(everyMs) }
  })

  return createReadRate(async (count) => {
    const { acquired, freeInMs, release } = local.acquire(count)
    if (acquired === 0) return { acquired, freeInMs }
    const { slots, script } = rate()
    const args = { keys: [key], arguments: [String(slots), String(acquired)] }
    const answer = await redis.run((client) => client.eval(script, args)).catch(() => null)
    const [granted, sharedFreeInMs] = numbersOf(answer)
    if (granted === undefined || sharedFreeInMs === undefined) return { acquired, freeInMs }
    release(acquired - granted)
    return { acquired: granted, freeInMs: sharedFreeInMs }
  })
}

/** The numbers in a script's answer; empty if there is no answer. */
function numbersOf(answer: unknown): readonly number[] {
  return Array.isArray(answer) ? answer.map(Number) : []
}
