import { createHash, randomUUID } from 'node:crypto'
import { orderWindowMs, type OrderRate, type Rates, type ReadRate } from '../providers/client/rates.ts'
import type { RedisConnection } from './redis-connection.ts'
import { createFairRate, noWaitingOrders, shareOf } from './fair-rate.ts'
import type { RatesOptions } from './in-process-rates.ts'
import { orderRateScript } from './order-rate-script.ts'
import { readRateScript } from './read-rate-script.ts'
import { createLocalReads, createReadRate, readSlotsOf } from './read-rate.ts'

export interface RedisRatesOptions extends RatesOptions {
  readonly redis: RedisConnection
  /** Which gateways belong together, where several deployments share one Redis. */
  readonly deployment: string
}

/**
 * Rates that all gateways on one Redis keep together. While Redis is away each keeps them by itself: orders go on, and
 * what exceeds the provider's rate then it refuses, which costs nothing.
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
  // Counts this gateway's orders all along, so that it knows of them when Redis goes away.
  const local = createFairRate({ limit, windowMs })
  const script = orderRateScript(windowMs)

  return {
    limit,
    async acquire(caller, waiting = noWaitingOrders) {
      const slot = local.acquire(caller, waiting)
      const name = randomUUID()
      const callerId = createHash('sha256').update(caller).digest('base64url')
      const logs = [key, `${key}:of:${callerId}`]
      // Where this gateway has no slot by itself, the others are told that the caller waits.
      const mayAcquire = slot.kind === 'acquired' ? 1 : 0
      const counts = [mayAcquire, limit, shareOf(limit), waiting.all, waiting.own].map(String)
      const asked = { keys: [...logs, `${key}:waiting`], arguments: [...counts, name, callerId] }
      const answer = await redis.ask((client) => client.eval(script, asked)).catch(() => null)
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
          // If Redis is away now, the slot is free again when the window has passed.
          for (const log of logs) redis.ask((client) => client.zRem(log, name)).catch(() => {})
        },
      }
    },
  }
}

/** Counts this gateway's reads all along, as `createOrderRate` does its orders. */
function createSharedReadRate({ redis, readsPerSecond }: RedisRatesOptions, key: string): ReadRate {
  const { slots, everyMs } = readSlotsOf(readsPerSecond)
  const local = createLocalReads({ slots, everyMs })
  const script = readRateScript(everyMs)

  return createReadRate(async (count) => {
    const { acquired, freeInMs, release } = local.acquire(count)
    if (acquired === 0) return { acquired, freeInMs }
    const asked = { keys: [key], arguments: [String(slots), String(acquired)] }
    const answer = await redis.ask((client) => client.eval(script, asked)).catch(() => null)
    const [granted, sharedFreeInMs] = numbersOf(answer)
    if (granted === undefined || sharedFreeInMs === undefined) return { acquired, freeInMs }
    release(acquired - granted)
    return { acquired: granted, freeInMs: sharedFreeInMs }
  })
}

/** The numbers of a script's answer; none if nothing was answered. */
function numbersOf(answer: unknown): readonly number[] {
  return Array.isArray(answer) ? answer.map(Number) : []
}
