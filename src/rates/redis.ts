import { randomUUID } from 'node:crypto'
import { orderWindowMs, type OrderRate, type Rates, type ReadPace } from '../providers/rates.ts'
import type { RedisConnection } from '../redis/redis-connection.ts'
import type { RatesOptions } from './in-process.ts'
import { readLog } from './read-log.ts'
import { createOwnReads, createReadPace, paceOf } from './read-pace.ts'
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

/** Counts this gateway's reads all along, as `createOrderRate` does its orders. */
function createSharedPace({ redis, readsPerSecond }: RedisRatesOptions, key: string): ReadPace {
  const { places, everyMs } = paceOf(readsPerSecond)
  const own = createOwnReads({ places, everyMs })
  const script = readLog(everyMs)

  return createReadPace(async (count) => {
    const { taken, freeInMs, giveBack } = own.take(count)
    if (taken === 0) return { taken, freeInMs }
    const asked = { keys: [key], arguments: [String(places), String(taken)] }
    const answer = await redis.ask((client) => client.eval(script, asked)).catch(() => null)
    const [granted, sharedFreeInMs] = numbersOf(answer)
    if (granted === undefined || sharedFreeInMs === undefined) return { taken, freeInMs }
    giveBack(taken - granted)
    return { taken: granted, freeInMs: sharedFreeInMs }
  })
}

/** The numbers of a script's answer; none if nothing was answered. */
function numbersOf(answer: unknown): readonly number[] {
  return Array.isArray(answer) ? answer.map(Number) : []
}
