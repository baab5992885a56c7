import { createInProcessChanges } from './in-process-changes.ts'
import type { Rates } from '../providers/client/rates.ts'
import { createInProcessRates, type RatesOptions } from './in-process-rates.ts'
import type { Changes } from '../separation/changes.ts'
import type { Log } from '../runtime/log.ts'

/** What the gateways of one database share besides the database. */
export interface Coordination {
  readonly changes: Changes & { size(): number }
  readonly rates: Rates
  /** Whether Redis answers; null without Redis. */
  readonly isRedisUp: (() => boolean) | null
  close(): Promise<void>
}

export interface CoordinationOptions {
  /** null: this gateway works alone. */
  readonly redisUrl: string | null
  /** Identifies the database, because several deployments may share one Redis. */
  readonly deployment: () => Promise<string>
  readonly rates: RatesOptions
  readonly log: Log
}

/** Shares changes and rates over Redis if `redisUrl` is set; otherwise loads no Redis code. */
export async function openCoordination({
  redisUrl,
  deployment,
  rates,
  log,
}: CoordinationOptions): Promise<Coordination> {
  if (redisUrl === null) {
    return {
      changes: createInProcessChanges(),
      rates: createInProcessRates(rates),
      isRedisUp: null,
      close: async () => {},
    }
  }
  const [{ openRedisConnection }, { createRedisChanges }, { createRedisRates }] = await Promise.all([
    import('./redis-connection.ts'),
    import('./redis-changes.ts'),
    import('./redis-rates.ts'),
  ])
  const name = await deployment()
  const redis = await openRedisConnection(redisUrl, { log })
  const common = { redis, deployment: name }
  return {
    changes: createRedisChanges({ ...common, log }),
    rates: createRedisRates({ ...common, ...rates }),
    isRedisUp: redis.isUp,
    close: redis.close,
  }
}
