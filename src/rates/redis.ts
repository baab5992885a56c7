import { randomUUID } from 'node:crypto'
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible'
import { orderWindowMs, type OrderRate, type Rates, type ReadPace } from '../providers/rates.ts'
import type { RedisClient, RedisConnection } from '../redis/redis-connection.ts'
import type { RatesOptions } from './in-process.ts'
import { createReadPace, paceOf } from './read-pace.ts'
import { rollingLog } from './rolling-log.ts'
import { createRollingRate } from './rolling-rate.ts'

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
      reads: createSharedPace(options, `${prefix}:reads:${provider}`),
    }),
  }
}

function createOrderRate(options: RedisRatesOptions, key: string): OrderRate {
  const { redis, submitsPer10Seconds: limit, windowMs = orderWindowMs } = options
  // Counts this gateway's orders all along, so that it knows of them when Redis goes away.
  const own = createRollingRate({ limit, windowMs })
  const script = rollingLog(windowMs)

  return {
    limit,
    async take() {
      const place = own.take()
      if (place === null) return { kind: 'full', freeInMs: own.freeInMs() }
      const name = randomUUID()
      const asked = { keys: [key], arguments: ['1', String(windowMs / 1_000), String(limit), '', name] }
      const answer = await redis.ask((client) => client.eval(script, asked)).catch(() => null)
      const freeInMs = freeInMsOf(answer, limit)
      if (freeInMs !== null) {
        place.giveBack()
        return { kind: 'full', freeInMs }
      }
      return {
        kind: 'taken',
        giveBack() {
          place.giveBack()
          // If Redis is away now, the place is free again when the window has passed.
          redis.ask((client) => client.zRem(key, name)).catch(() => {})
        },
      }
    },
  }
}

/** How long there is no place, by what the script answered; null if one was taken, or nothing was answered. */
function freeInMsOf(answer: unknown, limit: number): number | null {
  if (!Array.isArray(answer)) return null
  const [asked, freeInMs] = answer.map(Number)
  return asked !== undefined && freeInMs !== undefined && asked > limit ? freeInMs : null
}

function createSharedPace({ redis, readsPerSecond }: RedisRatesOptions, key: string): ReadPace {
  const { places, everyMs } = paceOf(readsPerSecond)
  let isStopped = false
  const limiter = new RateLimiterRedis({
    storeClient: {
      eval: async (script: string, asked: NonNullable<Parameters<RedisClient['eval']>[1]>) =>
        isStopped ? [0, 0] : redis.ask((client) => client.eval(script, asked)),
    },
    useRedisPackage: true,
    customIncrTtlLuaScript: rollingLog(everyMs),
    keyPrefix: key,
    points: places,
    // The script has the true one; with less than a second the library would not use it.
    duration: 1,
    insuranceLimiter: new RateLimiterMemory({ points: places, duration: everyMs / 1_000 }),
  })
  return createReadPace(limiter, () => (isStopped = true))
}
