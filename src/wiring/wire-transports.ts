import type { Services } from '../graphql/context.ts'
import { createPipeline } from '../graphql/execution/pipeline.ts'
import { schemaText } from '../graphql/schema/print-schema.ts'
import { createSchema } from '../graphql/schema/schema.ts'
import { createAdminServer } from '../http/admin-server.ts'
import { createCallbackRoute } from '../http/callback-route.ts'
import { createCors } from '../http/cors.ts'
import { createEventStreams } from '../http/event-stream/event-streams.ts'
import { createGraphiqlPage } from '../http/graphiql/graphiql-page.ts'
import { readGraphiqlTabs } from '../http/graphiql/graphiql-tabs.ts'
import { createGraphqlRoute } from '../http/graphql-route.ts'
import type { Readiness } from '../http/readiness.ts'
import { createLogRefusedOrigin } from '../http/refused-origins.ts'
import { createLogLimitedRequest } from '../http/limited-requests.ts'
import { createHttpServer } from '../http/server.ts'
import { createShortWay } from '../http/short-way/short-way.ts'
import { createWebRoute } from '../http/web/web-route.ts'
import { createWebSocketRoute } from '../http/websocket/websocket-route.ts'
import type { Identity } from '../identity/identity.ts'
import { createOperator } from '../identity/operator.ts'
import type { Meter } from '../metrics/meter.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { RestProvider } from '../providers/vocal-removal/rest-provider.ts'
import { testTracks } from '../sandbox/test-tracks.ts'
import type { CallbackAddresses } from '../separation/callback/callback-address.ts'
import type { Foundation } from './foundation.ts'
import { hostInUrl } from './host-in-url.ts'
import type { WiredProviders } from './wire-providers.ts'
import type { WiredStems } from './wire-stems.ts'

export interface TransportsWiring {
  readonly services: Services
  readonly identity: Identity
  readonly addresses: CallbackAddresses
  readonly providers: WiredProviders
  readonly stems: WiredStems
  readonly readiness: Readiness
  readonly meter: Meter
  readonly metrics: Metrics<RestProvider>
}

export interface Transports {
  /** Starts to listen. Rejects if a port is taken. */
  listen(): Promise<{ readonly port: number; readonly adminUrl: string | null }>
  /** Drops the answers that are kept, as when secrets of links have changed. */
  forgetAnswers(): void
  /** See `HttpServer.close`. */
  close(timeoutMs: number): Promise<void>
  /** Closes the operator's own address, if there is one. */
  closeAdmin(): Promise<void>
}

/** GraphQL over HTTP, SSE and WebSocket, and all other routes. */
export function wireTransports(foundation: Foundation, wiring: TransportsWiring): Transports {
  const { config, live, log, store } = foundation
  const { services, identity, addresses, providers, stems, readiness, meter, metrics } = wiring
  const { separations, subscriptionLimit, requestRate } = services
  const { admin, introspection, corsOrigins } = config

  const schema = createSchema()
  const shortWay = createShortWay({ schema, services, reader: store, observer: metrics.graphql })
  const pipeline = createPipeline({
    schema,
    services,
    log,
    observer: metrics.graphql,
    introspection,
    onSuccess: shortWay.learnDocument,
  })
  const operator = createOperator({ adminToken: () => live().adminToken, adminHost: admin?.host ?? null })
  const logRefusedOrigin = createLogRefusedOrigin(log)
  const logLimitedRequest = createLogLimitedRequest(log)
  const watching = {
    pipeline,
    separations,
    subscriptionLimit,
    logLimitedRequest,
    observer: metrics.graphql,
    onPush: metrics.callbacks.pushed,
    log,
  }
  const graphiql = config.graphiql
    ? createGraphiqlPage({
        readTabs: () =>
          readGraphiqlTabs({
            testTracks: providers.sandbox === null ? [] : testTracks,
            takesCredentials: identity.hasCredentials,
          }),
        takesCredentials: identity.hasCredentials,
      })
    : null
  const server = createHttpServer({
    graphql: createGraphqlRoute({
      eventStreams: createEventStreams(watching),
      shortWay,
      identity,
      requestRate,
      logLimitedRequest,
      cors: createCors(corsOrigins, logRefusedOrigin),
      corsOrigins,
      graphiql,
    }),
    websocket: createWebSocketRoute({
      ...watching,
      identity,
      requestRate,
      socketsPerAddress: config.socketsPerAddress,
      corsOrigins,
      logRefusedOrigin,
      sockets: metrics.sockets,
    }),
    callback: createCallbackRoute({
      addresses,
      parsers: new Map(providers.clients.map((each) => [each.name, each])),
      separations,
      log,
      observer: metrics.callbacks,
    }),
    stems: stems.route,
    sandbox: providers.sandbox?.handle ?? null,
    web: createWebRoute({ isOn: config.webPage, stemSources: stems.sources }),
    identity,
    operator,
    readiness,
    metrics: meter,
    onAnswer: metrics.onAnswer,
    onRefusal: (code) => metrics.graphql.failed('http', code),
    schemaText: introspection ? () => schemaText(schema) : null,
    log,
  })
  const adminServer = admin === null ? null : createAdminServer({ operator, readiness, metrics: meter, log })
  const closeAdmin = async () => adminServer?.close()

  return {
    async listen() {
      try {
        const adminUrl =
          admin === null || adminServer === null
            ? null
            : `http://${hostInUrl(admin.host)}:${await adminServer.listen(admin.host, admin.port)}`
        return { port: await server.listen(config.host, config.port), adminUrl }
      } catch (error) {
        await closeAdmin()
        throw error
      }
    },
    forgetAnswers: shortWay.forgetAnswers,
    close: server.close,
    closeAdmin,
  }
}
