import { createCheckRequests } from '../../src/separation/check/check-requests.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createMeter } from '../../src/metrics/meter.ts'
import { createInProcessChanges } from '../../src/coordination/in-process-changes.ts'
import { createConcurrencyLimit } from '../../src/limits/concurrency-limit.ts'
import type { Services } from '../../src/graphql/context.ts'
import { createPipeline } from '../../src/graphql/execution/pipeline.ts'
import { createSchema } from '../../src/graphql/schema/schema.ts'
import { createShortWay } from '../../src/http/short-way/short-way.ts'
import { createRequestRate } from '../../src/limits/request-rate.ts'
import { createCors } from '../../src/http/cors.ts'
import { createEventStreams } from '../../src/http/event-stream/event-streams.ts'
import { createGraphqlRoute } from '../../src/http/graphql-route.ts'
import { createReadiness } from '../../src/http/readiness.ts'
import { createHttpServer } from '../../src/http/server.ts'
import { createWebRoute } from '../../src/http/web/web-route.ts'
import { createWebSocketRoute } from '../../src/http/websocket/websocket-route.ts'
import { openIdentity } from '../../src/identity/identity.ts'
import { noLimits } from '../../src/separation/caller-limits.ts'
import type { ApiKey } from '../../src/identity/parse-api-keys.ts'
import { createOperator } from '../../src/identity/operator.ts'
import { createSeparations } from '../../src/separation/separations.ts'
import { providerNames } from '../../src/separation/task/provider-name.ts'
import type { Stem } from '../../src/separation/task/stem.ts'
import type { Task } from '../../src/separation/task/task.ts'
import { createFileFacts } from '../../src/stems/file-facts.ts'
import { openSqliteStore } from '../../src/stores/sqlite/sqlite-store.ts'
import type { Log } from '../../src/runtime/log.ts'
import type { Store } from '../../src/separation/store/store.ts'

/** The GraphQL half of a gateway on a real store and real sockets, for tests that put tasks there or make the store fail. */
export interface WiredGateway {
  readonly url: string
  readonly store: Store
  /** Stores the task as it is and tells those who watch it. */
  put(task: Task): Promise<void>
  /** Tells those who watch the task that it has changed. */
  publish(taskId: string): void
  /** How many subscriptions are open. */
  subscriptions(): number
  /** How many requests were answered on the short way. */
  shortAnswers(): number
}

export interface WiredOptions {
  /** What stands between the gateway and its store. */
  readonly wrap?: (store: Store) => Store
  readonly log?: Log
  /** Callers; whoever is on this machine if left out. */
  readonly apiKeys?: readonly Pick<ApiKey, 'name' | 'key'>[]
}

const day = 24 * 60 * 60 * 1000
const silence: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Starts it; it ends with the test. It has no provider, so nothing can be ordered or adopted. */
export async function startWiredGateway({
  wrap,
  log = silence,
  apiKeys: keys,
}: WiredOptions = {}): Promise<WiredGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-'))
  const store = await openSqliteStore(join(folder, 'stemgate.db'))
  const changes = createInProcessChanges()
  const wrapped = wrap?.(store) ?? store
  const separations = createSeparations({
    store: wrapped,
    reader: wrapped,
    clock: wrapped,
    changes,
    providers: new Map(),
    defaultProvider: 'kie',
    addresses: {
      urlOf: () => 'http://unreached.example',
      taskOf: () => null,
      orderOf: () => null,
      namedIn: () => null,
      parse: () => null,
    },
    log,
    timings: {
      intervalMs: day,
      submitTimeoutMs: day,
      submitWaitMs: day,
      unconfirmedAfterMs: day,
      giveUpAfterMs: day,
      callbackGraceMs: day,
      failureGraceMs: day,
      emptyGraceMs: day,
    },
    requests: createCheckRequests(),
    archiveMs: null,
  })
  const schema = createSchema()
  const subscriptionLimit = createConcurrencyLimit(10_000)
  const requestRate = createRequestRate(() => 1_000_000)
  const services: Services = {
    separations,
    separateRate: createRequestRate(() => 1_000),
    subscriptionLimit,
    requestRate,
    defaultProvider: 'kie',
    offers: new Map(
      providerNames.map((name) => {
        const prices = new Map()
        return [
          name,
          {
            name,
            retentionMs: 14 * day,
            prices,
            isAvailable: () => true,
            isPaused: () => false,
            readCredits: async () => null,
          },
        ]
      }),
    ),
    mayReadCredits: () => false,
    clock: wrapped,
    retentionOf: () => ({ providerMs: 14 * day, archiveMs: null }),
    stemFacts: createFileFacts({ store: wrapped, log }).findMany,
    stemPeaks: async () => null,
    stemUrlOf: ({ stem }: { stem: Stem }) => stem.url.value,
    zipUrlOf: () => null,
  }
  const observer = { executed: () => {}, failed: () => {} }
  const shortWay = createShortWay({ schema, services, reader: wrapped, observer })
  let shortAnswers = 0
  const pipeline = createPipeline({
    schema,
    services,
    log,
    observer,
    introspection: true,
    onSuccess: shortWay.learnDocument,
  })
  const identity = await openIdentity({
    apiKeys: (keys ?? []).map((each) => ({ ...each, limits: noLimits, expiresAtMs: null })),
    apiKeysFile: null,
    jwt: null,
    allowAnonymous: false,
    defaultBudgets: () => [],
    unpriced: [],
    mistakeInWebhook: () => null,
    onUse: () => {},
    log,
  })
  const eventStreams = createEventStreams({ pipeline, separations, subscriptionLimit, observer, onPush: () => {}, log })
  const server = createHttpServer({
    graphql: createGraphqlRoute({
      eventStreams,
      shortWay: {
        ...shortWay,
        async answer(...request) {
          const answer = await shortWay.answer(...request)
          if (answer === 'answered') shortAnswers += 1
          return answer
        },
      },
      identity,
      requestRate,
      logLimitedRequest: () => {},
      cors: createCors([], () => {}),
      corsOrigins: [],
      graphiql: null,
    }),
    schemaText: null,
    websocket: createWebSocketRoute({
      pipeline,
      separations,
      subscriptionLimit,
      identity,
      requestRate,
      logLimitedRequest: () => {},
      socketsPerAddress: 10_000,
      corsOrigins: [],
      logRefusedOrigin: () => {},
      observer,
      onPush: () => {},
      sockets: { opened: () => () => {}, refused: () => {} },
      log,
    }),
    callback: async (_request, response) => void response.end(),
    stems: null,
    sandbox: null,
    web: createWebRoute({ isOn: false, stemSources: () => [] }),
    identity,
    operator: createOperator({ adminToken: () => null, adminHost: null }),
    readiness: createReadiness({ checkWritable: store.checkWritable, pausedProviders: () => [] }),
    metrics: createMeter(),
    onAnswer: () => {},
    onRefusal: () => {},
    log,
  })
  const port = await server.listen('127.0.0.1', 0)
  onTestFinished(async () => {
    await server.close(1000)
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })

  return {
    url: `http://127.0.0.1:${port}`,
    store,
    async put(task) {
      const [before] = await store.find([task.id])
      if (before === undefined) {
        // Adopting is the one verb that takes a task in any state; it wants to know the provider's id, which must be its own.
        await store.adopt(task, null)
      } else if (!(await store.replace(task, before))) throw new Error('The revision does not follow the stored one.')
      changes.publish(task.id, task.owner)
    },
    publish: changes.publish,
    subscriptions: subscriptionLimit.size,
    shortAnswers: () => shortAnswers,
  }
}
