import { join } from 'node:path'
import type { Ending } from '../../../support/gateway.ts'
import type { Setting } from '../figures/figure.ts'
import { startServer, type ServerProcess } from './server-process.ts'

/** The one caller of the gateways that are measured, as it stands in API_KEYS. */
const apiKey = 'key-of-the-bench'
export const owner = 'key:bench'
/** What the caller sends with every request, and as the `connectionParams` of a WebSocket. */
export const credential = { authorization: `Bearer ${apiKey}` }
/** Signs the callback addresses that the bench makes itself. */
export const callbackSecret = 'callback-secret-of-the-bench'

const unlimited = '1000000'

export interface BenchGatewayOptions {
  /** The SQLite file or the URL of the database. */
  readonly databaseUrl: string
  /** Of the played provider; without one, the gateway has a provider that nobody can reach. */
  readonly providerUrl?: string
  readonly reportsMemory?: boolean
  /** More variables. */
  readonly environment?: Readonly<Record<string, string>>
}

/** Starts the built gateway as `npm start` does, in production and with limits that the bench does not reach. */
export function startBenchGateway(
  { program, servers, isPinned, profiles }: Pick<Setting, 'program' | 'servers' | 'isPinned' | 'profiles'>,
  { databaseUrl, providerUrl = 'http://127.0.0.1:9', reportsMemory = false, environment = {} }: BenchGatewayOptions,
  atEnd: Ending,
): Promise<ServerProcess> {
  return startServer(
    {
      args: [...(profiles === null ? [] : ['--cpu-prof', '--cpu-prof-dir', profiles]), program],
      isPinned,
      memoryReporter: reportsMemory ? servers.memoryReporter : null,
      environment: {
        PORT: '0',
        DATABASE_URL: databaseUrl,
        KIE_API_KEY: 'key-of-the-provider',
        KIE_BASE_URL: providerUrl,
        API_KEYS: `bench:${apiKey}`,
        CALLBACK_SECRET: callbackSecret,
        REQUESTS_PER_MINUTE: unlimited,
        SEPARATES_PER_MINUTE: unlimited,
        SOCKETS_PER_ADDRESS: unlimited,
        SUBSCRIPTIONS_PER_CALLER: unlimited,
        SUBMITS_PER_10_SECONDS: unlimited,
        READS_PER_SECOND: '10000',
        CHECK_INTERVAL_SECONDS: '3600',
        LOG_LEVEL: 'error',
        ...environment,
      },
    },
    atEnd,
  )
}

/** The address of a SQLite file in this folder. */
export function sqliteUrl(folder: string): string {
  return `file:${join(folder, 'stemgate.db')}`
}
