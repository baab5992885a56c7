import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { requestIdHeader, traceDetail, traceHeader, traceparentOf } from '../runtime/trace.ts'
import { withTimeout } from '../runtime/with-timeout.ts'
import { listen } from './listen.ts'
import { errorCodeOf, sendGraphqlError, sendJson, stoppingHeaders, stoppingMessage, stoppingPage } from './respond.ts'
import { readTrace } from './request-trace.ts'
import { createRoutes, type RoutesOptions } from './routes.ts'
import { sendMessagePage } from './web/message-page.ts'
import { wantsPage } from './web/wants-page.ts'
import { asksForWebSocket, createUpgradeRequestClass } from './websocket/upgrade-request.ts'
import type { WebSocketRoute } from './websocket/websocket-route.ts'
import type { Log } from '../runtime/log.ts'

export interface HttpServerOptions extends RoutesOptions {
  readonly websocket: WebSocketRoute
  /** Called with the route of each request that was answered. */
  readonly onAnswer: (route: string, status: number, seconds: number) => void
  /** Called with the code of each GraphQL error that a request was refused with before it was executed. */
  readonly onRefusal: (code: string) => void
  readonly log: Log
}

export interface HttpServer {
  /** Starts to listen and resolves to the port. */
  listen(host: string, port: number): Promise<number>
  /** Accepts no new requests, closes the sockets, and resolves when all requests are answered or after `timeoutMs`. */
  close(timeoutMs: number): Promise<void>
}

/** The headers of every answer: no MIME sniffing, no framing, no referrer to other sites. */
const securityHeaders = [
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-resource-policy', 'cross-origin'],
] as const
const internalErrorMessage = 'An internal error occurred. The gateway has logged it.'
const headersTimeoutMs = 10_000
const requestTimeoutMs = 30_000
/** How often the two timeouts are checked. With Node's default of 30 s a timeout could be that late. */
const connectionCheckIntervalMs = 2_000
/** How long a stopping gateway still answers clients that have just connected: their requests may not be safe to repeat. */
const lingerMs = 500

type Phase =
  | 'open'
  /** The stop has begun: only new connections are answered. */
  | 'lingering'
  /** Nothing is answered. */
  | 'stopping'

/** The HTTP server for all routes, and its connections until an orderly stop. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { graphql, websocket, onAnswer, onRefusal, log } = options
  const routes = createRoutes(options)
  const server = createServer(
    {
      IncomingMessage: createUpgradeRequestClass(
        (request) =>
          routes.find(pathOf(request)).name === 'graphql' && asksForWebSocket(request) && !isBusy(request.socket),
      ),
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: connectionCheckIntervalMs,
    },
    (request, response) => void answer(request, response, request.asksForUpgrade),
  )
  /**
   * The connections, each with its unanswered requests. Not one set of all requests: V8 replaces the table of a set that
   * changes all the time, and the old tables keep the requests of their time alive until a full garbage collection.
   */
  const connections = new Map<Duplex, ServerResponse[]>()
  const upgraded = new Set<Duplex>()
  /** Connections that have had a request. */
  const requested = new WeakSet<Duplex>()
  /** Connections on which an upgrade was ignored. Node's parser may be at the wrong position on them. */
  const desynchronised = new WeakSet<Duplex>()
  let accepted = 0
  let phase: Phase = 'open'
  server.on('connection', (socket) => {
    accepted += 1
    connections.set(socket, [])
    socket.once('close', () => connections.delete(socket))
  })
  server.on('upgrade', (request, socket, head) => {
    // Must come first: an 'error' event without a listener ends the process.
    socket.on('error', (error) => log.debug({ err: error }, 'a socket failed'))
    connections.delete(socket)
    upgraded.add(socket)
    socket.once('close', () => upgraded.delete(socket))
    websocket.upgrade(request, socket, head)
  })

  return {
    listen: (host, port) => listen(server, host, port),

    async close(timeoutMs) {
      phase = 'lingering'
      await acceptPendingConnections()
      const answered = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const response of pending()) if (!response.headersSent) response.setHeader('connection', 'close')
      destroyStreams()
      // A request that was only half received may still start a stream.
      const destroying = setInterval(destroyStreams, 100)
      const socketsClosed = websocket.close()
      await withTimeout(lingerMs, answered)
      phase = 'stopping'
      // Node would wait for connections that never had a request.
      for (const [socket, responses] of connections) if (responses.length === 0) socket.destroy()
      const timer = setTimeout(() => {
        server.closeAllConnections()
        // Node does not close these, but waits for them.
        for (const socket of upgraded) socket.destroy()
      }, timeoutMs)
      await Promise.all([answered, socketsClosed])
      clearTimeout(timer)
      clearInterval(destroying)
    },
  }

  function pending(): readonly ServerResponse[] {
    return [...connections.values()].flat()
  }

  /** Accepts connections that the kernel has already accepted; closing the server would reset them. Node takes one per turn. */
  async function acceptPendingConnections(): Promise<void> {
    const untilMs = performance.now() + lingerMs
    for (let quietTurns = 0; quietTurns < 3 && performance.now() < untilMs; quietTurns++) {
      const before = accepted
      await setImmediate()
      if (accepted !== before) quietTurns = -1
    }
  }

  /** Destroys streams instead of ending them: a normal end would mean that the subscription is complete. */
  function destroyStreams(): void {
    for (const response of pending()) if (graphql.isStream(response)) response.destroy()
  }

  /** Whether an earlier request on the connection is unanswered. A WebSocket must not start within its answer. */
  function isBusy(socket: Duplex): boolean {
    return (connections.get(socket)?.length ?? 0) > 0
  }

  async function answer(request: IncomingMessage, response: ServerResponse, isUpgradeIgnored: boolean): Promise<void> {
    for (const [name, value] of securityHeaders) response.setHeader(name, value)
    const trace = readTrace(request.headers)
    response.setHeader(requestIdHeader, trace.requestId)
    response.setHeader(traceHeader, traceparentOf(trace))
    const startedAt = performance.now()
    const path = pathOf(request)
    const route = routes.find(path)
    const isFirst = !requested.has(request.socket)
    requested.add(request.socket)
    // This answer is never sent: the connection closes after the previous answer.
    if (desynchronised.has(request.socket))
      return sendJson(response, 503, { message: stoppingMessage }, stoppingHeaders)
    if (isUpgradeIgnored) desynchronised.add(request.socket)
    if (phase === 'stopping' || (phase === 'lingering' && !isFirst)) {
      if (wantsPage(request)) return sendMessagePage(response, stoppingPage)
      if (route.name === 'graphql') return graphql.sendStopping(request, response)
      return sendJson(response, 503, { message: stoppingMessage }, stoppingHeaders)
    }
    if (phase !== 'open' || isUpgradeIgnored) response.setHeader('connection', 'close')
    const ofConnection = connections.get(request.socket)
    ofConnection?.push(response)
    response.once('close', () => {
      ofConnection?.splice(ofConnection.indexOf(response), 1)
      if (phase !== 'open') request.socket.end()
      if (!response.writableFinished) return
      onAnswer(route.name, response.statusCode, (performance.now() - startedAt) / 1000)
      const code = response.statusCode < 400 || route.name !== 'graphql' ? null : errorCodeOf(response)
      if (code !== null) onRefusal(code)
    })
    try {
      await routes.dispatch(route, request, response, path, trace)
    } catch (error) {
      const isAborted = request.destroyed && !request.complete
      if (isAborted) return
      log.error({ event: 'request.failed', err: error, route: route.name, ...traceDetail(trace) }, 'a request failed')
      if (response.headersSent) response.destroy()
      else if (route.name === 'graphql') sendGraphqlError(response, 500, internalErrorMessage, 'INTERNAL_SERVER_ERROR')
      else sendJson(response, 500, { message: internalErrorMessage })
    }
  }
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const [path = '/'] = url.split('?')
  return path
}
