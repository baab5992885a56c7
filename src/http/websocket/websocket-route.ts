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
import { createSocketOperations, formatError } from './socket-operations.ts'
import { createConcurrencyLimit } from '../../limits/concurrency-limit.ts'
import type { Log } from '../../runtime/log.ts'
import type { RequestRate } from '../../limits/request-rate.ts'

export interface WebSocketRouteOptions {
  readonly pipeline: Pipeline
  readonly identity: Identity
  readonly requestRate: RequestRate
  readonly socketsPerAddress: number
  /** Pages of these origins may connect, in addition to the gateway's own pages. */
  readonly corsOrigins: readonly string[]
  readonly logRefusedOrigin: LogRefusedOrigin
  readonly log: Log
}

export interface WebSocketRoute {
  /** Accepts or refuses an upgrade. The caller must handle the socket's errors. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Closes every socket with 1012, so that its client reconnects to this gateway or another one. */
  close(): Promise<void>
}

const maxMessageBytes = 64 * 1024
/** A socket with more unread data than this is terminated. */
const maxUnreadBytes = 1024 * 1024
const initTimeoutMs = 3_000
const pingIntervalMs = 12_000

/** `/graphql` over WebSocket, with the graphql-ws protocol. */
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
      errors === undefined ? undefined : { ...(data === undefined ? {} : { data }), errors: errors.map(formatError) },
    onError: (_context, _id, _payload, errors) => errors.map(formatError),
  })

  return {
    upgrade(request, socket, head) {
      const failure = identity.accessDenied(request)
      if (failure !== null) refuse(socket, failure.message)
      else if (!acquireSocket(request.socket))
        refuse(socket, 'Too many sockets are open from your IP address. Close some of them.')
      else if (isOriginAllowed(request)) sockets.handleUpgrade(request, socket, head, (ws) => acceptSocket(ws, request))
      else {
        logRefusedOrigin(request.headers.origin ?? '')
        refuse(socket, 'Pages of this origin are not allowed. The operator can add the origin to CORS_ORIGINS.')
      }
    },
    async close() {
      isClosing = true
      await Promise.all([...sockets.clients].map(closeForRestart))
    },
  }

  /** Counts the socket against the limit of its IP address until it closes. Returns false if the limit is reached. */
  function acquireSocket(socket: Socket): boolean {
    const release = socketLimit.acquire(socket.remoteAddress ?? '')
    if (release === null) return false
    socket.once('close', release)
    return true
  }

  /** While the gateway is stopping, accepts and closes: a refused upgrade would not make the client reconnect. */
  function acceptSocket(ws: WebSocket, request: IncomingMessage): void {
    if (isClosing) void closeForRestart(ws)
    else serve(ws, request)
  }

  async function closeForRestart(ws: WebSocket): Promise<void> {
    ws.on('error', (error) => log.debug({ err: error }, 'a socket failed'))
    await closeGracefully(ws, serviceRestart, 'The gateway is stopping. Reconnect.')
  }

  /** Connects a socket to the protocol. graphql-ws' own adapter writes to the console instead of our log. */
  function serve(ws: WebSocket, request: IncomingMessage): void {
    const connection: SocketConnection = { ws, request, session: null, unsubscribe: () => {} }
    const closed = protocol.opened(
      {
        protocol: ws.protocol,
        // Resolves when the data is written, so that a slow client slows down its stream. Also resolves for a closed socket.
        send(text) {
          if (ws.bufferedAmount > maxUnreadBytes) ws.terminate()
          // Sent as bytes: `bufferedAmount` counts the characters of a string, each of which may be 3 bytes.
          return new Promise((resolve) => ws.send(Buffer.from(text), { binary: false }, () => resolve()))
        },
        close: (code, reason = '') => ws.close(code, truncateReason(reason)),
        onMessage: (handle) =>
          ws.on('message', (data: Buffer) => {
            // A client may keep sending until it has answered the close frame.
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
    // A pong must repeat these random bytes: that proves that the client has read the ping.
    let unanswered: Buffer | null = null
    const pinging = setInterval(() => {
      if (unanswered !== null) return ws.terminate()
      unanswered = randomBytes(8)
      ws.ping(unanswered)
    }, pingIntervalMs)
    ws.on('pong', (payload) => {
      if (unanswered?.equals(payload) === true) unanswered = null
    })
    ws.on('error', (error) => log.debug({ err: error }, 'a socket failed'))
    ws.once('close', (code, reason) => {
      clearInterval(pinging)
      connection.unsubscribe()
      closed(code, String(reason)).catch((error: unknown) =>
        log.warn({ err: error }, 'a socket could not be cleaned up'),
      )
    })
  }

  /** Browsers send no preflight before a WebSocket, so the gateway has to check the origin. */
  function isOriginAllowed({ headers }: IncomingMessage): boolean {
    const { origin } = headers
    return origin === undefined || corsOrigins.includes(origin) || isOwnOrigin(headers)
  }
}

/** The close code after which clients reconnect, to another gateway or to this one after its restart. */
const serviceRestart = 1012

/** graphql-ws throws if a client sends a message that only servers may send. That is the client's mistake. */
function isClientMistake(error: unknown): error is Error {
  return error instanceof Error && /^Unexpected message of type \w+ received$/.test(error.message)
}

function refuse(socket: Duplex, message: string): void {
  refuseUpgrade(socket, { errors: [{ message, extensions: { code: 'FORBIDDEN' } }] })
}
