import { WatchDocument } from '../../schema/operations.ts'
import { newMigratedDatabase } from './database.ts'
import { collect, startGateway, type TestGateway } from './gateway.ts'
import { startPlayedProvider, type PlayedProvider } from './played-provider.ts'
import { findRedis } from './services.ts'

/** Gateways that share a database, and their common provider. */
export interface Cluster {
  readonly provider: PlayedProvider
  readonly gateways: readonly [TestGateway, TestGateway, ...TestGateway[]]
}

/** Starts gateways on one database and, unless it is null, one Redis; they stop with the test. */
export async function startCluster(
  more: Readonly<Record<string, string>> = {},
  { count = 2, redis }: { readonly count?: number; readonly redis?: string | null } = {},
): Promise<Cluster> {
  const provider = await startPlayedProvider()
  const redisUrl = redis === undefined ? await findRedis() : redis
  const environment = {
    ...provider.environment,
    DATABASE_URL: await newMigratedDatabase(),
    ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }),
    ...more,
  }
  const [one, other] = await Promise.all([startGateway(environment), startGateway(environment)])
  const others = await Promise.all(Array.from({ length: count - 2 }, () => startGateway(environment)))
  return { provider, gateways: [one, other, ...others] }
}

/** Every status that a subscriber at the gateway receives, until the task is settled. */
export async function statesOn(gateway: TestGateway, taskId: string) {
  const report = await collect(gateway.connect(), WatchDocument, { taskId })
  return report.map(({ separationUpdated }) => separationUpdated?.status)
}
