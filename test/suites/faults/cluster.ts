import pg from 'pg'
import { createClient } from '@redis/client'
import type { Ending } from '../../support/gateway.ts'
import { newPostgresDatabase, startOwnRedis, type OwnRedis } from '../../support/services.ts'
import { startSwallowingProxy, type SwallowingProxy } from '../../support/swallowing-proxy.ts'
import type { Where } from './client.ts'
import { createGatewayProcess, type GatewayProcess } from './gateway-process.ts'
import { createRandom } from './random.ts'

/** One gateway of several, and its ways to what they share. */
export interface Member {
  readonly name: string
  readonly process: GatewayProcess
  readonly toPostgres: SwallowingProxy
  readonly toRedis: SwallowingProxy
}

/** Several gateways on one database of PostgreSQL's and one Redis, which nobody else uses. */
export interface Cluster {
  readonly members: readonly Member[]
  readonly redis: OwnRedis
  /** The database itself, past every fault. */
  readonly databaseUrl: string
  /** Some living gateway, another one each time. */
  readonly where: Where
  /** The port of some living gateway; null if there is none. */
  port(): number | null
  start(): Promise<void>
  /** Asks the database itself, past every fault. */
  query(text: string, values?: unknown[]): Promise<readonly Record<string, unknown>[]>
  /** Asks Redis itself. */
  tellRedis(...command: [string, ...string[]]): Promise<unknown>
}

export interface ClusterOptions {
  readonly seed: string
  readonly program: string
  readonly size: number
  /** Whether the gateways use the Redis. Default: true. */
  readonly hasRedis?: boolean
  /** What each gateway is started with besides its ways to PostgreSQL and Redis. */
  readonly environment: (index: number) => Readonly<Record<string, string>>
}

/** Makes everything ready; `start` starts the gateways. */
export async function createCluster(options: ClusterOptions, atEnd: Ending): Promise<Cluster> {
  const { seed, program, size, hasRedis = true, environment } = options
  const databaseUrl = await newPostgresDatabase(atEnd)
  const redis = await startOwnRedis(atEnd)
  const admin = new pg.Client({ connectionString: databaseUrl })
  admin.on('error', () => {})
  await admin.connect()
  atEnd(() => admin.end())

  const members: Member[] = []
  for (let index = 0; index < size; index++) {
    const toPostgres = await startSwallowingProxy(Number(new URL(databaseUrl).port || '5432'), atEnd)
    const toRedis = await startSwallowingProxy(redis.port, atEnd)
    const ownUrl = new URL(databaseUrl)
    ownUrl.host = `127.0.0.1:${toPostgres.port}`
    const gateway = createGatewayProcess([process.execPath, program], {
      DATABASE_URL: ownUrl.href,
      ...(hasRedis ? { REDIS_URL: `redis://127.0.0.1:${toRedis.port}` } : {}),
      GRAPHIQL: 'false',
      LOG_LEVEL: 'error',
      ...environment(index),
    })
    atEnd(gateway.close)
    members.push({ name: `gateway ${index + 1}`, process: gateway, toPostgres, toRedis })
  }

  const random = createRandom(`${seed}/where`)
  const some = () => random.pick(members.filter(({ process: each }) => each.url() !== null))?.process ?? null

  return {
    members,
    redis,
    databaseUrl,
    where: () => some()?.url() ?? null,
    port: () => some()?.port() ?? null,
    start: async () => void (await Promise.all(members.map(({ process: each }) => each.start()))),
    query: async (text, values) => (await admin.query<Record<string, unknown>>(text, values)).rows,
    async tellRedis(...command) {
      const client = createClient({ url: redis.url, socket: { reconnectStrategy: false } })
      client.on('error', () => {})
      await client.connect()
      try {
        return await client.sendCommand(command)
      } finally {
        client.destroy()
      }
    },
  }
}

const mostWords = 600

/** What the gateways last wrote to their standard error; empty if they wrote nothing. */
export function lastWordsOf({ members }: Cluster): string {
  return members
    .map(({ name, process: each }) => ({ name, words: each.lastWords().slice(-mostWords) }))
    .filter(({ words }) => words !== '')
    .map(({ name, words }) => `${name}: ${words}`)
    .join('\n')
}
