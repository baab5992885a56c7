import { randomUUID } from 'node:crypto'
import type { Config } from '../config/config.ts'
import { openCoordination } from '../coordination/open-coordination.ts'
import type { Log } from '../runtime/log.ts'
import type { Changes } from '../separation/changes.ts'
import type { SecretStore } from '../separation/store/secret-store.ts'

/** Tells the gateways over Redis that tasks have changed. Without Redis, they find out by themselves. */
export async function openChanges(
  { redisUrl }: Pick<Config, 'redisUrl'>,
  store: SecretStore,
  log: Log,
): Promise<Pick<Changes, 'publish'> & { close(): Promise<void> }> {
  const { changes, close } = await openCoordination({
    redisUrl,
    deployment: () => store.secret('deployment', randomUUID),
    // Nothing is asked of a provider.
    rates: { readsPerSecond: () => 1, submitsPer10Seconds: () => 1 },
    rateCounter: null,
    log,
  })
  return { publish: changes.publish, close }
}
