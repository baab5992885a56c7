import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { CloseCode, handleProtocols, makeServer } from 'graphql-ws'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Pipeline } from '../../graphql/execution/pipeline.ts'
import type { Identity } from '../../identity/identity.ts'
import { isOwnOrigin, type LogRefusedOrigin } from '../refused-origins.ts'
import { refuseUpgrade } from '../respond.ts'
import { truncateReason, authenticate, closeGracefully, type SocketConnection } from './socket-connection.ts'
import { createSocketOperations, formatted } from './socket-operations.ts'
import { createConcurrencyLimit } from '../../limits/concurrency-limit.ts'
import type { Log } from '../../runtime/log.ts'
import type { RequestRate } from '../../limits/request-rate.ts'

export interface WebSocketRouteOptions {
  readonly pipeline: Pipeline
  readonly identity: Identity
  readonly requestRate: RequestRate
  readonly socketsPerAddress: number
  /** Pages of these origins may connect, beside our own. */
  readonly corsOrigins: readonly string[]
  readonly logRefusedOrigin: LogRefusedOrigin
  readonly log: Log
}

export interface WebSocketRoute {
  /** Grants an upgrade or refuses it. Whoever hands the socket over listens for its errors. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Closes every socket with 1012, so that its client connects again, here or elsewhere. */
  close(): Promise<void>
}

const maxMessageBytes = 64 * 1024
/** Who leaves more than this unread is let go. */
const maxUnreadBytes = 1024 * 1024
const initTimeoutMs = 3_000
const pingEveryMs = 12_000

/** `/graphql` over WebSocket, in graphql-ws's protocol. */
export function createWebSocketRoute(options: WebSocketRouteOptions): WebSocketRoute {
  const { pipeline, identity, requestRate, corsOrigins, logRefusedOrigin, log } = options
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    handleProtocols,
  })
  const socketLimit = createConcurrencyLimit(options.socketsPerAddress)
  let isClosing = false
  const operations = createSocketOperations({ pipeline, requestRate, log })
  const protocol = makeServer<Record<string, unknown>, SocketConnection>({
    connectionInitWaitTimeout: initTimeoutMs,
    onConnect: ({ extra, connectionParams }) => authenticate(identity, extra, connectionParams),
    onSubscribe: ({ extra, subscriptions }, _id, payload) =>
      operations.prepare(extra.session, Object.keys(subscriptions).length, payload),
    execute: operations.execute,
    subscribe: operations.subscribe,
    onNext: (_context, _id, _payload, _args, { data, errors }) =>
      errors === undefined ? undefined : { ...(data === undefined ? {} : { data }), errors: errors.map(formatted) },
    onError: (_context, _id, _payload, errors) => errors.map(formatted),
  })

  return {
    upgrade(request, socket, head) {
      const failure = identity.accessDenied(request)
      if (failure !== null) refuse(socket, failure.message)
      else if (!acquireSocket(request.socket)) refuse(socket, 'Too many sockets are open from your address.')
      else if (isOriginAllowed(request)) sockets.handleUpgrade(request, socket, head, (ws) => acceptSocket(ws, request))
      else {
        logRefusedOrigin(request.headers.origin ?? '')
        refuse(socket, 'Pages of this origin may not connect. To let them, the operator lists it in CORS_ORIGINS.')
      }
    },
    async close() {
      isClosing = true
      await Promise.all([...sockets.clients].map(closeForRestart))
    },
  }

  /** Counts the socket against the limit of its address until it closes; false if that is reached. */
  function acquireSocket(socket: Socket): boolean {
    const release = socketLimit.acquire(socket.remoteAddress ?? '')
    if (release === null) return false
    socket.once('close', release)
    return true
  }

  /** Whoever comes too late is told to connect again, which a refused upgrade would not tell. */
  function acceptSocket(ws: WebSocket, request: IncomingMessage): void {
    if (isClosing) void closeForRestart(ws)
    else serve(ws, request)
  }

  async function closeForRestart(ws: WebSocket): Promise<void> {
    ws.on('error', (error) => log.debug({ err: error }, 'a socket broke'))
    await closeGracefully(ws, serviceRestart, 'The gateway is stopping: connect again.')
  }

  /** Joins a socket to the protocol. graphql-ws's own way of doing it writes to the console past our log. */
  function serve(ws: WebSocket, request: IncomingMessage): void {
    const connection: SocketConnection = { ws, request, session: null, forget: () => {} }
    const closed = protocol.opened(
      {
        protocol: ws.protocol,
        // Resolves when the line has taken it, so that a slow reader is waited for; one that has gone takes nothing more.
        send(text) {
          if (ws.bufferedAmount > maxUnreadBytes) ws.terminate()
          // As bytes, since of a text that is buffered the characters are counted, each of which may be three.
          return new Promise((resolve) => ws.send(Buffer.from(text), { binary: false }, () => resolve()))
        },
        close: (code, reason = '') => ws.close(code, truncateReason(reason)),
        onMessage: (handle) =>
          ws.on('message', (data: Buffer) => {
            // Whoever is sent away may go on talking until they have said goodbye.
            if (ws.readyState !== ws.OPEN) return
            handle(data.toString()).catch((error: unknown) => {
              if (isClientMistake(error)) return ws.close(CloseCode.BadRequest, error.message)
              log.warn({ err: error }, 'a message of a socket could not be handled')
              ws.close(CloseCode.InternalServerError, 'Internal server error')
            })
          }),
      },
      connection,
    )
    // To be said again, which only those can do who have read it: a pong by itself proves nothing.
    let unanswered: Buffer | null = null
    const pings = setInterval(() => {
      if (unanswered !== null) return ws.terminate()
      unanswered = randomBytes(8)
      ws.ping(unanswered)
    }, pingEveryMs)
    ws.on('pong', (said) => {
      if (unanswered?.equals(said) === true) unanswered = null
    })
    ws.on('error', (error) => log.debug({ err: error }, 'a socket broke'))
    ws.once('close', (code, reason) => {
      clearInterval(pings)
      connection.forget()
      closed(code, String(reason)).catch((error: unknown) => log.warn({ err: error }, 'a socket could not be let go'))
    })
  }

  /** A page elsewhere may open a socket to us without asking, so that we have to ask where it comes from. */
  function isOriginAllowed({ headers }: IncomingMessage): boolean {
    const { origin } = headers
    return origin === undefined || corsOrigins.includes(origin) || isOwnOrigin(headers)
  }
}

/** Clients connect again, to another gateway or to this one when it is back. */
const serviceRestart = 1012

/** graphql-ws throws when a client sends what only a server says. That is the client's mistake. */
function isClientMistake(error: unknown): error is Error {
  return error instanceof Error && /^Unexpected message of type \w+ received$/.test(error.message)
}

function refuse(socket: Duplex, message: string): void {
  refuseUpgrade(socket, { errors: [{ message, extensions: { code: 'FORBIDDEN' } }] })
}
