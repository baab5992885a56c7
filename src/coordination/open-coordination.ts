import { createInProcessChanges } from './in-process-changes.ts'
import type { Rates } from '../providers/client/rates.ts'
import { createInProcessRates, type RatesOptions } from './in-process-rates.ts'
import type { Changes } from '../separation/changes.ts'
import type { Log } from '../runtime/log.ts'
import type { RateCounter } from '../separation/store/rate-counter.ts'
import { withRateLog } from './logged-rate-counter.ts'
import { createSharedRates } from './shared-rates.ts'

/** What the gateways of one database share besides the database. */
export interface Coordination {
  readonly changes: Changes & { size(): number }
  readonly rates: Rates
  /** Whether Redis answers; null without Redis. */
  readonly isRedisUp: (() => boolean) | null
  close(): Promise<void>
}

export interface CoordinationOptions {
  /** null: the gateways share nothing but the database. */
  readonly redisUrl: string | null
  /** Identifies the database, because several deployments may share one Redis. */
  readonly deployment: () => Promise<string>
  readonly rates: RatesOptions
  /** Counts rates in the database that all gateways share; null: it is a file. */
  readonly rateCounter: RateCounter | null
  readonly log: Log
}

/** Shares changes and rates over Redis if `redisUrl` is set; otherwise loads no Redis code. The database counts rates while Redis is away. */
export async function openCoordination({
  redisUrl,
  deployment,
  rates,
  rateCounter,
  log,
}: CoordinationOptions): Promise<Coordination> {
  const counters = rateCounter === null ? [] : [withRateLog(rateCounter, log)]
  if (redisUrl === null) {
    return {
      changes: createInProcessChanges(),
      rates: rateCounter === null ? createInProcessRates(rates) : createSharedRates({ ...rates, counters }),
      isRedisUp: null,
      close: async () => {},
    }
  }
  const [{ openRedisConnection }, { createRedisChanges }, { createRedisRateCounter }] = await Promise.all([
    import('./redis-connection.ts'),
    import('./redis-changes.ts'),
    import('./redis-rate-counter.ts'),
  ])
  const name = await deployment()
  const redis = await openRedisConnection(redisUrl, { log })
  const common = { redis, deployment: name }
  return {
    changes: createRedisChanges({ ...common, log }),
    rates: createSharedRates({ ...rates, counters: [createRedisRateCounter(common), ...counters] }),
    isRedisUp: redis.isUp,
    close: redis.close,
  }
}
