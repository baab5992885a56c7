import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { handleProtocols } from 'graphql-ws'
import { WebSocketServer, type WebSocket } from 'ws'
import { createLimitedLog } from '../../runtime/limited-log.ts'
import { answerHeaders, traceDetail, type Trace } from '../../runtime/trace.ts'
import type { Identity } from '../../identity/identity.ts'
import { isOwnOrigin, type LogRefusedOrigin } from '../refused-origins.ts'
import { readTrace } from '../request-trace.ts'
import { refuseUpgrade } from '../respond.ts'
import { createPingSweep } from './ping-sweep.ts'
import { closeGracefully, type SocketConnection } from './socket-connection.ts'
import { createSocketOperations, type SocketOperationsOptions } from './socket-operations.ts'
import { createSocketProtocol } from './socket-protocol.ts'
import { createConcurrencyLimit } from '../../limits/concurrency-limit.ts'

export interface WebSocketRouteOptions extends SocketOperationsOptions {
  readonly identity: Identity
  readonly socketsPerAddress: number
  /** Pages of these origins may connect, in addition to the gateway's own pages. */
  readonly corsOrigins: readonly string[]
  readonly logRefusedOrigin: LogRefusedOrigin
  readonly sockets: SocketObserver
}

export interface SocketObserver {
  /** A socket is served. Returns what is called with its close code. */
  opened(): (code: number) => void
  /** A handshake was refused. */
  refused(reason: SocketRefusal): void
}

/** Why a handshake is refused: its sender may not connect from there, has too many sockets, or is a page of another origin. */
export type SocketRefusal = 'access' | 'too-many' | 'origin'

export interface WebSocketRoute {
  /** Accepts or refuses an upgrade. The caller must handle the socket's errors. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Closes every socket with 1012, so that its client reconnects to this gateway or another one. */
  close(): Promise<void>
}

const maxMessageBytes = 64 * 1024
/** How many refused handshakes are logged for each reason. */
const loggedRefusalsPerMinute = 10

/** `/graphql` over WebSocket, with the graphql-ws protocol. */
export function createWebSocketRoute(options: WebSocketRouteOptions): WebSocketRoute {
  const { identity, corsOrigins, logRefusedOrigin, log } = options
  const writeLimited = createLimitedLog({ log, maxPerMinute: loggedRefusalsPerMinute })
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    handleProtocols,
  })
  const socketLimit = createConcurrencyLimit(options.socketsPerAddress)
  let isClosing = false
  const protocol = createSocketProtocol({ identity, operations: createSocketOperations(options), log })
  const pings = createPingSweep()

  return {
    upgrade(request, socket, head) {
      const failure = identity.accessDenied(request)
      const trace = readTrace(request.headers)
      if (failure !== null) refuse(socket, trace, 'access', failure.message)
      else if (!acquireSocket(request.socket))
        refuse(socket, trace, 'too-many', 'Too many sockets are open from your IP address. Close some of them.')
      else if (isOriginAllowed(request)) accept(request, socket, head, trace)
      else {
        logRefusedOrigin(request.headers.origin ?? '')
        const message = 'Pages of this origin are not allowed. The operator can add the origin to CORS_ORIGINS.'
        refuse(socket, trace, 'origin', message)
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

  function refuse(socket: Duplex, trace: Trace, reason: SocketRefusal, message: string): void {
    options.sockets.refused(reason)
    const detail = { event: 'socket.refused', reason, ...traceDetail(trace) }
    writeLimited(reason, 'info', detail, 'the handshake of a WebSocket was refused')
    refuseUpgrade(socket, { errors: [{ message, extensions: { code: 'FORBIDDEN' } }] }, answerHeaders(trace))
  }

  function accept(request: IncomingMessage, socket: Duplex, head: Buffer, trace: Trace): void {
    const addTrace = (headers: string[]) => {
      headers.push(...Object.entries(answerHeaders(trace)).map(([name, value]) => `${name}: ${value}`))
    }
    // The handshake is written at once, if it is valid.
    sockets.once('headers', addTrace)
    sockets.handleUpgrade(request, socket, head, (ws) => acceptSocket(ws, request, trace))
    sockets.off('headers', addTrace)
  }

  /** While the gateway is stopping, accepts and closes: a refused upgrade would not make the client reconnect. */
  function acceptSocket(ws: WebSocket, request: IncomingMessage, trace: Trace): void {
    if (isClosing) void closeForRestart(ws)
    else serve(ws, request, trace)
  }

  async function closeForRestart(ws: WebSocket): Promise<void> {
    ws.on('error', (error) => log.debug({ err: error }, 'a socket failed'))
    await closeGracefully(ws, serviceRestart, 'The gateway is stopping. Reconnect.')
  }

  function serve(ws: WebSocket, request: IncomingMessage, trace: Trace): void {
    const connection: SocketConnection = {
      ws,
      socket: request.socket,
      request,
      trace,
      begun: 0,
      isInitialised: false,
      session: null,
      operations: new Map(),
      unsubscribe: () => {},
    }
    ws.on('error', (error) => log.debug({ err: error }, 'a socket failed'))
    const onClose = options.sockets.opened()
    ws.once('close', (code) => {
      connection.unsubscribe()
      onClose(code)
    })
    protocol.open(connection)
    pings.add(ws)
  }

  /** Browsers send no preflight before a WebSocket, so the gateway has to check the origin. */
  function isOriginAllowed({ headers }: IncomingMessage): boolean {
    const { origin } = headers
    return origin === undefined || corsOrigins.includes(origin) || isOwnOrigin(headers)
  }
}

/** The close code after which clients reconnect, to another gateway or to this one after its restart. */
const serviceRestart = 1012
