import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from './config/config.ts'
import { openCoordination } from './coordination/open-coordination.ts'
import { createReadiness } from './http/readiness.ts'
import { createCallerUses } from './identity/caller-uses.ts'
import { openIdentity } from './identity/identity.ts'
import { createConcurrencyLimit } from './limits/concurrency-limit.ts'
import { createRequestRate } from './limits/request-rate.ts'
import { createMeter, type Meter } from './metrics/meter.ts'
import { createMetrics } from './metrics/metrics.ts'
import { createStoreMetrics } from './metrics/store-metrics.ts'
import type { App, AppOptions } from './program/running-app.ts'
import { derived } from './runtime/derived.ts'
import type { Log } from './runtime/log.ts'
import { version } from './runtime/version.ts'
import { createPausedProviders } from './separation/paused-providers.ts'
import { createCallbackAddresses } from './separation/callback/callback-address.ts'
import type { Budget } from './separation/caller-limits.ts'
import type { Store } from './separation/store/store.ts'
import { openStore } from './stores/open-store.ts'
import type { Foundation } from './wiring/foundation.ts'
import { hostInUrl } from './wiring/host-in-url.ts'
import { newSecret } from './wiring/new-secret.ts'
import { createRetention } from './separation/purge/retention.ts'
import { wireProviders } from './wiring/wire-providers.ts'
import { wireSeparations } from './wiring/wire-separations.ts'
import { wireStems } from './wiring/wire-stems.ts'
import { wireTracing } from './wiring/wire-tracing.ts'
import { wireTransports } from './wiring/wire-transports.ts'
import { wireWebhooks } from './wiring/wire-webhooks.ts'
import { createWebhookAddresses } from './webhooks/webhook-addresses.ts'

/** The longest time between two polls for due tasks. */
const maxPollIntervalMs = 1_000
/** The shortest time that a stop waits for orders from WebSockets. */
const minDrainMs = 1_000

/** Wires the gateway together and starts to listen. Rejects if the store cannot be opened or the port is taken. */
export async function startApp(config: Config, log: Log, options: AppOptions = {}): Promise<App> {
  const meter = createMeter()
  const store = await openStore(config.database, log, {
    observer: createStoreMetrics(meter),
    connections: config.databaseConnections,
  })
  try {
    return await startOn(store, meter, config, log, options)
  } catch (error) {
    await store.close()
    throw error
  }
}

async function startOn(store: Store, meter: Meter, config: Config, log: Log, options: AppOptions): Promise<App> {
  let port = config.port
  let live = config
  const clock = options.clock ?? store
  const url = () => `http://${hostInUrl(config.host)}:${port}`
  const publicUrl = () => config.publicUrl ?? url()
  const foundation: Foundation = { config, live: () => live, log, store, clock, url, publicUrl }

  // A SQLite file without Redis has one gateway: existing leases are those of a process that has ended.
  if (config.database.kind === 'sqlite' && config.redisUrl === null) {
    await store.releaseAllLeases()
    await store.archive.releaseAllLeases()
    await store.webhooks.releaseAllLeases()
  }
  const defaultBudgets = derived(
    () => live.ordersPerDay,
    (limit): readonly Budget[] => (limit === null ? [] : [{ kind: 'orders', period: 'day', limit }]),
  )
  const callerUses = createCallerUses({ store: store.operator, clock })
  const webhookAddresses = createWebhookAddresses(config.webhookHostsAllowed)
  const identity = await openIdentity({
    ...config,
    defaultBudgets,
    mistakeInWebhook: webhookAddresses.mistakeIn,
    onUse: callerUses.note,
    log,
  })
  const ownSecret = await store.secret('callbacks', newSecret)
  const secrets = derived(
    () => live.callbackSecrets,
    (callbackSecrets) => [...callbackSecrets, ownSecret],
  )
  const addresses = createCallbackAddresses({ publicUrl, secrets })
  const { changes, rates, ...coordination } = await openCoordination({
    redisUrl: config.redisUrl,
    deployment: () => store.secret('deployment', randomUUID),
    rates: { readsPerSecond: () => live.readsPerSecond, submitsPer10Seconds: () => live.submitsPer10Seconds },
    rateCounter: store.rateCounter,
    log,
  })
  const subscriptionLimit = createConcurrencyLimit(config.subscriptionsPerCaller)
  const streamLimit = createConcurrencyLimit(config.stemStreams)

  const tracing = await wireTracing(config.tracing, meter, log)
  const providers = await wireProviders(foundation, rates)
  const pollIntervalMs = Math.min(maxPollIntervalMs, config.checkIntervalMs / 4)
  const paused = createPausedProviders({ store: store.operator, log, pollIntervalMs })
  await paused.start()
  const pausedProviders = () => providers.enabled.map(({ name }) => name).filter(paused.isPaused)
  const readiness = createReadiness({ checkWritable: store.checkWritable, pausedProviders })
  const { prices } = providers
  const metrics = createMetrics(meter, {
    build: { version, database: config.database.kind },
    store,
    clock,
    defaultProvider: config.defaultProvider,
    providers: providers.enabled.map((each) => paused.guard(tracing.provider(each))),
    creditsOf: (provider, type) => prices[provider].get(type) ?? 0,
    stemStreams: streamLimit.size,
    subscriptions: subscriptionLimit.size,
    droppedLogLines: options.droppedLogLines ?? (() => 0),
    archiveJobs: () => (config.archive === null ? Promise.resolve(0) : store.archive.countDue(clock.nowMs())),
    webhookBacklog: store.webhooks.backlog,
    isRedisUp: coordination.isRedisUp,
    isKeysFileUsable: identity.isKeysFileUsable,
    checkReady: readiness.check,
  })
  const { separations, checker } = wireSeparations(foundation, {
    changes,
    addresses,
    prices,
    metrics,
    tracing,
    webhookAddresses,
    wakeWebhooks: () => webhooks.wake(),
    pollIntervalMs,
  })
  const stems = await wireStems(foundation, {
    retentionMsOf: providers.retentionMsOf,
    record: separations.record,
    secrets,
    streamLimit,
    onArchived: metrics.onArchived,
    traced: tracing.archive,
    pollIntervalMs,
  })
  const webhooks = await wireWebhooks(foundation, {
    addresses: webhookAddresses,
    stemUrlOf: stems.services.stemUrlOf,
    onAttempt: metrics.webhooks.attempted,
    traced: tracing.webhooks,
    pollIntervalMs,
  })
  const retention =
    config.tasksKeptMs === null
      ? null
      : createRetention({
          ...foundation,
          keptMs: config.tasksKeptMs,
          files: stems.archivedFiles,
          observer: metrics.purges,
        })
  const transports = wireTransports(foundation, {
    services: {
      ...stems.services,
      separations,
      clock,
      separateRate: metrics.orders.countedRate(createRequestRate(() => live.separatesPerMinute)),
      subscriptionLimit,
      requestRate: createRequestRate(() => live.requestsPerMinute),
      defaultProvider: config.defaultProvider,
      offers: new Map([...metrics.providers].map(([name, each]) => [name, { ...each, prices: prices[name] }])),
      mayReadCredits: (owner) => config.creditsCallers.includes(owner),
    },
    identity,
    addresses,
    providers,
    stems,
    readiness,
    meter,
    metrics,
  })

  let adminUrl: string | null
  try {
    ;({ port, adminUrl } = await transports.listen())
  } catch (error) {
    paused.stop()
    identity.close()
    await coordination.close()
    throw error
  }
  callerUses.start()
  checker.start()
  separations.queue.start()
  stems.start()
  webhooks.start()
  retention?.start()

  return {
    url: url(),
    adminUrl,
    publicUrl: publicUrl(),
    providers: [...new Set([config.defaultProvider, ...metrics.providers.keys()])],
    waitingForDisabled: providers.waitingForDisabled,
    pausedProviders,
    subscriptions: subscriptionLimit.size,
    reconfigure(next) {
      live = next
      // They may contain links that are signed with a secret that is no longer accepted.
      transports.forgetAnswers()
    },
    async close() {
      readiness.stop()
      separations.waits.stop()
      // Gives load balancers time to see that the gateway is not ready. Without a delay, no further request may begin.
      if (config.shutdownDelayMs > 0) await sleep(config.shutdownDelayMs)
      const startedAt = performance.now()
      const quiet = Promise.all([
        separations.queue.stop(config.submitTimeoutMs),
        transports.close(config.submitTimeoutMs),
        checker.stop(),
        stems.stop(),
        webhooks.stop(),
        retention?.stop(),
      ])
      // Checks can be repeated, submits cannot.
      await Promise.all(providers.clients.map((each) => each.stopChecking()))
      await quiet
      // No WebSocket can send another order from here on.
      await separations.drain(Math.max(minDrainMs, config.submitTimeoutMs - (performance.now() - startedAt)))
      paused.stop()
      stems.close()
      await providers.sandbox?.close()
      await Promise.all(providers.clients.map((each) => each.close()))
      await tracing.close()
      // The last listener to close, so that a stop can be observed.
      await transports.closeAdmin()
      identity.close()
      await callerUses.stop()
      await coordination.close()
      await store.close()
    },
  }
}
