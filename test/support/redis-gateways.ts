import { onTestFinished } from 'vitest'
import {
  openRedisConnection,
  type RedisConnection,
  type RedisTimings,
} from '../../src/coordination/redis-connection.ts'
import type { Ending } from './gateway.ts'
import type { Log } from '../../src/runtime/log.ts'

/** What a gateway opens on a Redis. */
export interface TestRedis {
  readonly redis: RedisConnection
  readonly log: Log
  /** What was logged, `<level> <message> <details>` each. */
  readonly logged: readonly string[]
}

/** Notices in less than a second what a gateway takes some seconds to notice. */
export const quickTimings = { pingMs: 150, silentMs: 450 } as const

/** Opens what a gateway opens on the Redis; it ends with the test. */
export async function openTestRedis(
  url: string,
  timings: Partial<RedisTimings> = {},
  atEnd: Ending = onTestFinished,
): Promise<TestRedis> {
  const logged: string[] = []
  const write = (level: string) => (detail: object, message: string) => {
    logged.push(`${level} ${message} ${JSON.stringify(detail)}`)
  }
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  const redis = await openRedisConnection(url, { log, timings })
  atEnd(() => redis.close())
  return { redis, log, logged }
}
