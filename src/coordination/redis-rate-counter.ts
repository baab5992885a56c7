import type { RateCounter } from '../separation/store/rate-counter.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import { orderRateScript, renewSlotScript } from './order-rate-script.ts'
import { readRateScript } from './read-rate-script.ts'
import type { RedisConnection } from './redis-connection.ts'

export interface RedisRateCounterOptions {
  readonly redis: RedisConnection
  /** Identifies the deployment, because several may share one Redis. */
  readonly deployment: string
}

/** Counts rates in Redis, by its clock. */
export function createRedisRateCounter({ redis, deployment }: RedisRateCounterOptions): RateCounter {
  const keyOf = (kind: 'orders' | 'reads', provider: ProviderName) => `stemgate:${deployment}:${kind}:${provider}`
  const logsOf = (provider: ProviderName, caller: string) => {
    const key = keyOf('orders', provider)
    return [key, `${key}:of:${caller}`]
  }

  return {
    async takeOrderSlot({ provider, caller, name, mayTake, limit, share, waitingAll, waitingOwn, windowMs }) {
      const counts = [mayTake ? 1 : 0, limit, share, waitingAll, waitingOwn].map(String)
      const keys = [...logsOf(provider, caller), `${keyOf('orders', provider)}:waiting`]
      const args = { keys, arguments: [...counts, name, caller] }
      const answer = await redis.run((client) => client.eval(orderRateScript(windowMs), args))
      const [isTaken, freeInMs, isFull, isShareUsed] = numbersOf(answer, 4)
      return { isTaken: isTaken === 1, freeInMs: freeInMs ?? 0, isFull: isFull === 1, isShareUsed: isShareUsed === 1 }
    },

    async renewOrderSlot({ provider, caller, name, windowMs }) {
      const args = { keys: logsOf(provider, caller), arguments: [name] }
      await redis.run((client) => client.eval(renewSlotScript(windowMs), args))
    },

    async freeOrderSlot({ provider, caller, name }) {
      await Promise.all(logsOf(provider, caller).map((log) => redis.run((client) => client.zRem(log, name))))
    },

    async takeReadSlots({ provider, count, slots, everyMs }) {
      const args = { keys: [keyOf('reads', provider)], arguments: [String(slots), String(count)] }
      const answer = await redis.run((client) => client.eval(readRateScript(everyMs), args))
      const [taken = 0, freeInMs = 0] = numbersOf(answer, 2)
      return { taken, inMs: taken > 0 ? 0 : freeInMs }
    },
  }
}

function numbersOf(answer: unknown, length: number): readonly number[] {
  if (!Array.isArray(answer) || answer.length !== length) throw new Error('A script of Redis returned something else.')
  return answer.map(Number)
}
