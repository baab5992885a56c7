import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createChecker } from './separation/check/checker.ts'
import { createCheckRequests } from './separation/check/check-requests.ts'
import type { Config } from './config/config.ts'
import { createConcurrencyLimit } from './limits/concurrency-limit.ts'
import type { Services } from './graphql/context.ts'
import { createPipeline } from './graphql/execution/pipeline.ts'
import { schemaText } from './graphql/schema/print-schema.ts'
import { createSchema } from './graphql/schema/schema.ts'
import { createAdminServer } from './http/admin-server.ts'
import { callbacksPath, createCallbackAddresses } from './separation/callback/callback-address.ts'
import { createCallbackRoute } from './http/callback-route.ts'
import { createRequestRate } from './limits/request-rate.ts'
import { createCors } from './http/cors.ts'
import { createGraphiqlPage } from './http/graphiql/graphiql-page.ts'
import { readGraphiqlTabs } from './http/graphiql/graphiql-tabs.ts'
import { createLogRefusedOrigin } from './http/refused-origins.ts'
import { createEventStreams } from './http/event-stream/event-streams.ts'
import { createGraphqlRoute } from './http/graphql-route.ts'
import { createReadiness } from './http/readiness.ts'
import { createHttpServer } from './http/server.ts'
import { createStemsRoute } from './http/stems/stems-route.ts'
import { createShortWay } from './http/short-way/short-way.ts'
import { createWebRoute } from './http/web/web-route.ts'
import { createWebSocketRoute } from './http/websocket/websocket-route.ts'
import { openIdentity } from './identity/identity.ts'
import { createOperator } from './identity/operator.ts'
import { createMeter, type Meter } from './metrics/meter.ts'
import { createMetrics } from './metrics/metrics.ts'
import { createStoreMetrics } from './metrics/store-metrics.ts'
import { openProviders } from './providers/open-providers.ts'
import { sandboxPrices } from './sandbox/ledger.ts'
import { ownFileAddress } from './sandbox/file-address.ts'
import { createSandbox } from './sandbox/sandbox.ts'
import { testTracks } from './sandbox/test-tracks.ts'
import type { Budget } from './separation/caller-limits.ts'
import { createSeparations } from './separation/separations.ts'
import { providerNames, type ProviderName } from './separation/task.ts'
import { openCoordination } from './coordination/open-coordination.ts'
import { openStems } from './stems/open-stems.ts'
import { userAgent, version } from './runtime/version.ts'
import { openStore } from './stores/open-store.ts'
import { derived } from './runtime/derived.ts'
import type { Log } from './runtime/log.ts'
import type { App, AppOptions } from './program/running-app.ts'
import type { Store } from './separation/store.ts'

/** The longest time between two polls for due tasks. */
const maxPollIntervalMs = 1_000
/** The shortest time that a stop waits for orders from WebSockets. */
const minDrainMs = 1_000
/** The longest time that a provider's file server may take to begin its answer. */
const maxFileAnswerMs = 10_000

/** Wires the gateway together and starts to listen. Rejects if the store cannot be opened or the port is taken. */
export async function startApp(config: Config, log: Log, options: AppOptions = {}): Promise<App> {
  const meter = createMeter()
  const store = await openStore(config.database, log, createStoreMetrics(meter))
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
  const url = () => `http://${hostInUrl(config.host)}:${port}`
  const clock = options.clock ?? store
  const publicUrl = () => config.publicUrl ?? url()

  // A SQLite file without Redis has one gateway: existing leases are those of a process that has ended.
  if (config.database.kind === 'sqlite' && config.redisUrl === null) {
    await store.releaseAllLeases()
    await store.archive.releaseAllLeases()
  }
  const defaultBudgets = derived(
    () => live.ordersPerDay,
    (limit): readonly Budget[] => (limit === null ? [] : [{ kind: 'orders', period: 'day', limit }]),
  )
  const identity = await openIdentity({ ...config, defaultBudgets, log })
  const ownSecret = await store.secret('callbacks', newSecret)
  const secrets = derived(
    () => live.callbackSecrets,
    (callbackSecrets) => [...callbackSecrets, ownSecret],
  )
  const addresses = createCallbackAddresses({ publicUrl, secrets })
  const readsPerSecond = () => live.readsPerSecond
  const { changes, rates, ...coordination } = await openCoordination({
    redisUrl: config.redisUrl,
    deployment: () => store.secret('deployment', randomUUID),
    rates: { readsPerSecond, submitsPer10Seconds: () => live.submitsPer10Seconds },
    log,
  })
  const subscriptionLimit = createConcurrencyLimit(config.subscriptionsPerCaller)
  const streamLimit = createConcurrencyLimit(config.stemStreams)
  const readiness = createReadiness({ checkWritable: store.checkWritable })

  const { vendors } = config
  // Valid in this process only: each gateway calls its own sandbox.
  const sandboxApiKey = newSecret()
  const isSandboxOn = Object.values(vendors).every(({ apiKey }) => apiKey === null)
  const accounts = {
    kie: { baseUrl: vendors.kie.baseUrl, apiKey: () => live.vendors.kie.apiKey, webhookKey: () => live.kieWebhookKey },
    apikley: { baseUrl: vendors.apikley.baseUrl, apiKey: () => live.vendors.apikley.apiKey },
    sunoapi: { baseUrl: vendors.sunoapi.baseUrl, apiKey: () => live.vendors.sunoapi.apiKey },
    sandbox: { baseUrl: () => `${url()}/sandbox`, apiKey: () => (isSandboxOn ? sandboxApiKey : null) },
  }
  const clients = openProviders({ rates, userAgent, log, accounts })
  const isEnabled = (name: ProviderName) => accounts[name].apiKey() !== null
  const prices = { ...config.prices, sandbox: sandboxPrices }
  const metrics = createMetrics(meter, {
    build: { version, database: config.database.kind },
    store,
    clock,
    defaultProvider: config.defaultProvider,
    providers: clients.filter(({ name }) => isEnabled(name)),
    creditsOf: (provider, type) => prices[provider].get(type) ?? 0,
    stemStreams: streamLimit.size,
    subscriptions: subscriptionLimit.size,
    droppedLogLines: options.droppedLogLines ?? (() => 0),
    archiveJobs: () => (config.archive === null ? Promise.resolve(0) : store.archive.countDue(clock.nowMs())),
    isRedisUp: coordination.isRedisUp,
    checkReady: readiness.check,
  })
  const { providers } = metrics
  const waitingForDisabled = new Map(
    [...(await store.backlog(clock.nowMs()))].flatMap(([name, { pending }]) =>
      isEnabled(name) || pending === 0 ? [] : [[name, pending] as const],
    ),
  )
  for (const [provider, tasks] of waitingForDisabled) {
    log.warn({ provider, tasks }, 'tasks wait for a provider that is off; their checks continue when it is on again')
  }
  const sandbox = isSandboxOn
    ? createSandbox({
        publicUrl,
        apiKey: sandboxApiKey,
        callbacksUrl: () => `${publicUrl()}${callbacksPath}`,
        secret: await store.secret('sandbox', newSecret),
        delayMs: config.sandboxDelayMs,
        log: (message, detail) => log.info(detail, message),
      })
    : null

  const archiveMs = config.archive?.retentionMs ?? null
  const requests = createCheckRequests()
  const ordering = createSeparations({
    store,
    reader: store,
    clock,
    changes,
    providers,
    defaultProvider: config.defaultProvider,
    addresses,
    log,
    onBudgetWarning: metrics.orders.budgetWarning,
    priceOf: (provider, type) => prices[provider].get(type),
    timings: {
      intervalMs: config.checkIntervalMs,
      submitTimeoutMs: config.submitTimeoutMs,
      submitWaitMs: config.submitWaitMs,
      unconfirmedAfterMs: config.unconfirmedAfterMs,
      giveUpAfterMs: config.giveUpAfterMs,
      callbackGraceMs: config.callbackGraceMs,
      failureGraceMs: config.failureGraceMs,
      emptyGraceMs: config.emptyGraceMs,
    },
    requests,
    archiveMs,
    onTaskChange: metrics.onTaskChange,
  })
  const separations = { ...ordering, separate: metrics.orders.counted(ordering.separate) }
  const pollIntervalMs = Math.min(maxPollIntervalMs, config.checkIntervalMs / 4)
  const checker = createChecker({
    queue: store,
    clock,
    work: separations.check,
    requests,
    providers: providerNames,
    log,
    readsPerSecond,
    pollIntervalMs,
  })

  const retentionMs = new Map(clients.map((each) => [each.name, each.retentionMs]))
  const requestRate = createRequestRate(() => live.requestsPerMinute)
  const schema = createSchema()
  const retentionOf = (provider: ProviderName) => ({ providerMs: retentionMs.get(provider) ?? 0, archiveMs })
  const hasStemLinks = config.stemLinks === 'signed'
  const stemLinksUrl = () => config.stemLinksUrl ?? publicUrl()
  const stems = await openStems({
    store,
    clock,
    retentionOf,
    baseUrl: stemLinksUrl,
    secrets,
    allowedHosts: config.stemHostsAllowed,
    // Each gateway serves the sandbox's files itself, wherever PUBLIC_URL leads.
    ownAddressOf: (provider, address) => (provider === 'sandbox' ? ownFileAddress(url(), address) : null),
    userAgent,
    timeoutMs: Math.min(maxFileAnswerMs, config.stemStallMs),
    archive: config.archive && {
      ...config.archive,
      record: separations.record,
      count: metrics.onArchived,
      stallMs: config.stemStallMs,
      pollIntervalMs,
    },
    log,
  })
  const services: Services = {
    separations,
    clock,
    separateRate: metrics.orders.countedRate(createRequestRate(() => live.separatesPerMinute)),
    subscriptionLimit,
    requestRate,
    defaultProvider: config.defaultProvider,
    offers: new Map([...providers].map(([name, each]) => [name, { ...each, prices: prices[name] }])),
    mayReadCredits: (owner) => config.creditsCallers.includes(owner),
    retentionOf,
    stemFacts: stems.facts.findMany,
    stemPeaks: stems.findPeaks,
    stemUrlOf: hasStemLinks ? stems.urlOf : ({ stem }) => stem.url.value,
    zipUrlOf: hasStemLinks ? stems.zipUrlOf : () => null,
  }
  const shortWay = createShortWay({ schema, services, reader: store, observer: metrics.graphql })
  const { introspection } = config
  const pipeline = createPipeline({
    schema,
    services,
    log,
    observer: metrics.graphql,
    introspection,
    onSuccess: shortWay.learnDocument,
  })
  const { admin } = config
  const operator = createOperator({ adminToken: () => live.adminToken, adminHost: admin?.host ?? null })
  const logRefusedOrigin = createLogRefusedOrigin(log)
  const watching = {
    pipeline,
    separations,
    subscriptionLimit,
    observer: metrics.graphql,
    onPush: metrics.callbacks.pushed,
    log,
  }
  const eventStreams = createEventStreams(watching)
  const websocket = createWebSocketRoute({
    ...watching,
    identity,
    requestRate,
    socketsPerAddress: config.socketsPerAddress,
    corsOrigins: config.corsOrigins,
    logRefusedOrigin,
    onOpen: metrics.onSocket,
  })
  const graphiql = config.graphiql
    ? createGraphiqlPage({
        readTabs: () =>
          readGraphiqlTabs({
            testTracks: isSandboxOn ? testTracks : [],
            takesCredentials: identity.hasCredentials,
          }),
        takesCredentials: identity.hasCredentials,
      })
    : null
  const server = createHttpServer({
    graphql: createGraphqlRoute({
      eventStreams,
      shortWay,
      identity,
      requestRate,
      cors: createCors(config.corsOrigins, logRefusedOrigin),
      corsOrigins: config.corsOrigins,
      graphiql,
    }),
    websocket,
    callback: createCallbackRoute({
      addresses,
      parsers: new Map(clients.map((each) => [each.name, each])),
      separations,
      log,
      observer: metrics.callbacks,
    }),
    stems: hasStemLinks
      ? createStemsRoute({
          findLinked: stems.findLinked,
          source: stems.source,
          facts: stems.facts,
          streamLimit,
          streamsPerAddress: createConcurrencyLimit(config.stemStreamsPerAddress),
          clock,
          stallMs: config.stemStallMs,
        })
      : null,
    sandbox: sandbox?.handle ?? null,
    web: createWebRoute({
      isOn: config.webPage,
      stemSources: () => (hasStemLinks ? [new URL(stemLinksUrl()).origin] : ['https:']),
    }),
    identity,
    operator,
    checkReady: readiness.check,
    metrics: meter,
    onAnswer: metrics.onAnswer,
    onRefusal: (code) => metrics.graphql.failed('http', code),
    schemaText: introspection ? () => schemaText(schema) : null,
    log,
  })
  const adminServer =
    admin === null ? null : createAdminServer({ operator, checkReady: readiness.check, metrics: meter, log })

  let adminUrl: string | null = null
  try {
    if (admin !== null && adminServer !== null) {
      adminUrl = `http://${hostInUrl(admin.host)}:${await adminServer.listen(admin.host, admin.port)}`
    }
    port = await server.listen(config.host, config.port)
  } catch (error) {
    await adminServer?.close()
    identity.close()
    await coordination.close()
    throw error
  }
  checker.start()
  separations.queue.start()
  stems.start()

  return {
    url: url(),
    adminUrl,
    publicUrl: publicUrl(),
    providers: [...new Set([config.defaultProvider, ...providers.keys()])],
    waitingForDisabled,
    subscriptions: subscriptionLimit.size,
    reconfigure(next) {
      live = next
      // They may contain links that are signed with a secret that is no longer accepted.
      shortWay.forgetAnswers()
    },
    async close() {
      readiness.stop()
      separations.waits.stop()
      // Gives load balancers time to see that the gateway is not ready. Without a delay, no further request may begin.
      if (config.shutdownDelayMs > 0) await sleep(config.shutdownDelayMs)
      const startedAt = performance.now()
      const quiet = Promise.all([
        separations.queue.stop(config.submitTimeoutMs),
        server.close(config.submitTimeoutMs),
        checker.stop(),
        stems.stop(),
      ])
      // Checks can be repeated, submits cannot.
      await Promise.all(clients.map((each) => each.stopChecking()))
      await quiet
      // No WebSocket can send another order from here on.
      await separations.drain(Math.max(minDrainMs, config.submitTimeoutMs - (performance.now() - startedAt)))
      stems.close()
      await sandbox?.close()
      await Promise.all(clients.map((each) => each.close()))
      // The last listener to close, so that a stop can be observed.
      await adminServer?.close()
      identity.close()
      await coordination.close()
      await store.close()
    },
  }
}

/** The host of a URL that reaches the listening address from this machine. */
function hostInUrl(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

function newSecret(): string {
  return randomBytes(32).toString('base64url')
}
