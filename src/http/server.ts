import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { withTimeout } from '../runtime/with-timeout.ts'
import { listen } from './listen.ts'
import { sendGraphqlError, sendJson, stoppingHeaders, stoppingMessage } from './respond.ts'
import { createRoutes, type RoutesOptions } from './routes.ts'
import { asksForWebSocket, createUpgradeRequestClass } from './websocket/upgrade-request.ts'
import type { WebSocketRoute } from './websocket/websocket-route.ts'
import type { Log } from '../runtime/log.ts'

export interface HttpServerOptions extends RoutesOptions {
  readonly websocket: WebSocketRoute
  readonly log: Log
}

export interface HttpServer {
  /** Begins to listen; resolves to the port. */
  listen(host: string, port: number): Promise<number>
  /** Takes no new requests, closes the sockets, and resolves when the requests under way are answered or `withinMs` is over. */
  close(withinMs: number): Promise<void>
}

/** For every answer: nothing of ours is to be guessed at, framed, or told to other sites. */
const securityHeaders = [
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-resource-policy', 'cross-origin'],
] as const
const internalErrorMessage = 'An internal error occurred. The gateway has logged it.'
const headersTimeoutMs = 10_000
const requestTimeoutMs = 30_000
/** How often it is looked for those who take longer; Node's own half minute would let each of them be as late. */
const connectionCheckIntervalMs = 2_000
/** Whoever has connected just before a stop is still answered: a request that was sent may not be one to send again. */
const lingerMs = 500

/** One server for everything: its connections, from the first byte to an orderly stop. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { graphql, websocket, metrics, log } = options
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
  const connections = new Set<Duplex>()
  const upgraded = new Set<Duplex>()
  const underWay = new Set<ServerResponse>()
  /** Connections on which there was a request. */
  const requested = new WeakSet<Duplex>()
  /** Connections on which an upgrade was ignored: how far the parser has come on them is known no longer. */
  const desynchronised = new WeakSet<Duplex>()
  let accepted = 0
  let isLeaving = false
  let isStopping = false
  server.on('connection', (socket) => {
    accepted += 1
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  server.on('upgrade', (request, socket, head) => {
    // Before anything else: a reset that nobody listens for ends the process.
    socket.on('error', (error) => log.debug({ err: error }, 'a socket broke'))
    connections.delete(socket)
    upgraded.add(socket)
    socket.once('close', () => upgraded.delete(socket))
    websocket.upgrade(request, socket, head)
  })

  return {
    listen: (host, port) => listen(server, host, port),

    async close(withinMs) {
      isLeaving = true
      await acceptPendingConnections()
      const answered = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const response of underWay) if (!response.headersSent) response.setHeader('connection', 'close')
      cutStreams()
      // One may still begin, whose request was half read.
      const cutting = setInterval(cutStreams, 100)
      const socketsClosed = websocket.close()
      await withTimeout(lingerMs, answered)
      isStopping = true
      // Node itself would wait for a connection on which nothing was ever asked.
      const busy = new Set<Duplex>([...underWay].map(({ req }) => req.socket))
      for (const socket of connections) if (!busy.has(socket)) socket.destroy()
      const timer = setTimeout(() => {
        server.closeAllConnections()
        // Node no longer counts these among its own, and waits for them all the same.
        for (const socket of upgraded) socket.destroy()
      }, withinMs)
      await Promise.all([answered, socketsClosed])
      clearTimeout(timer)
      clearInterval(cutting)
    },
  }

  /** The system has said yes to them already; to stop listening would reset them. One is let in at a turn of the loop. */
  async function acceptPendingConnections(): Promise<void> {
    const untilMs = performance.now() + lingerMs
    for (let quietTurns = 0; quietTurns < 3 && performance.now() < untilMs; quietTurns++) {
      const before = accepted
      await setImmediate()
      if (accepted !== before) quietTurns = -1
    }
  }

  /** Cut off, not ended: the end of a stream would say that the subscription is complete. */
  function cutStreams(): void {
    for (const response of underWay) if (graphql.isStream(response)) response.destroy()
  }

  /** Whether an earlier request of the connection is not answered yet: a socket must not begin in the middle of an answer. */
  function isBusy(socket: Duplex): boolean {
    return [...underWay].some(({ req }) => req.socket === socket)
  }

  async function answer(request: IncomingMessage, response: ServerResponse, isUpgradeIgnored: boolean): Promise<void> {
    for (const [name, value] of securityHeaders) response.setHeader(name, value)
    const startedAt = performance.now()
    const path = pathOf(request)
    const route = routes.find(path)
    const isFirst = !requested.has(request.socket)
    requested.add(request.socket)
    // It never goes out: the connection is closed after the answer before it.
    if (desynchronised.has(request.socket))
      return sendJson(response, 503, { message: stoppingMessage }, stoppingHeaders)
    if (isUpgradeIgnored) desynchronised.add(request.socket)
    if (isStopping || (isLeaving && !isFirst)) {
      if (route.name === 'graphql') return graphql.sendStopping(request, response)
      return sendJson(response, 503, { message: stoppingMessage }, stoppingHeaders)
    }
    if (isLeaving || isUpgradeIgnored) response.setHeader('connection', 'close')
    underWay.add(response)
    response.once('close', () => {
      underWay.delete(response)
      if (isLeaving) request.socket.end()
    })
    response.once('finish', () => {
      metrics.answered(route.name, response.statusCode, (performance.now() - startedAt) / 1000)
    })
    try {
      await routes.dispatch(route, request, response, path)
    } catch (error) {
      const isCutOff = request.destroyed && !request.complete
      if (isCutOff) return
      log.error({ err: error, route: route.name }, 'a request failed')
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
