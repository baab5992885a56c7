import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { CloseCode } from 'graphql-ws'
import type { WebSocket } from 'ws'
import type { Subscriber } from '../../graphql/feeds/feed.ts'
import type { Identity } from '../../identity/identity.ts'
import type { Session } from '../../identity/session.ts'
import type { Trace } from '../../runtime/trace.ts'

/** A socket, its caller and its operations. There may be many thousands, so it holds no more than it needs while it is idle. */
export interface SocketConnection {
  readonly ws: WebSocket
  /** The TCP connection below. */
  readonly socket: Socket
  /** The upgrade, until the caller is identified: its headers take more memory than the rest. */
  request: IncomingMessage | null
  /** The upgrade as a request: its operations are parts of it. */
  readonly trace: Trace
  /** How many operations have begun. */
  begun: number
  isInitialised: boolean
  /** null: the connection is not acknowledged. */
  session: Session | null
  readonly operations: Map<string, SocketOperation>
  /** Stops listening for the end of the session. */
  unsubscribe: () => void
}

/** An operation of a socket, from its `subscribe` message until it has completed. */
export interface SocketOperation extends Subscriber {
  readonly connection: SocketConnection
  readonly id: string
  /** Whether its last message is not written yet. */
  isBusy: boolean
  /** Releases its slot in the limit of subscriptions. */
  release: () => void
}

/**
 * The close code for each status. graphql-ws clients do not reconnect after 4401. After 4403 they do, with the credential that
 * `connectionParams` returns then, and after 1013 (try again later), as needed while callers cannot be identified. After 4500
 * they never do, whatever their `shouldRetry` returns.
 */
const closeCodeOf = { 401: CloseCode.Unauthorized, 403: CloseCode.Forbidden, 503: 1013 } as const
/** In bytes. A close frame holds at most 123. */
const maxReasonBytes = 120
/** How long the client may take to answer a close frame, in milliseconds. */
const closeTimeoutMs = 2_000

/** Truncates a reason to the size of a close frame, in whole characters: graphql-ws puts ids of any length into reasons. */
export function truncateReason(reason: string): string {
  return new TextDecoder().decode(Buffer.from(reason).subarray(0, maxReasonBytes), { stream: true })
}

/** Closes the socket and resolves when it is closed. Terminates it if the client does not answer. */
export async function closeGracefully(ws: WebSocket, code: number, reason: string): Promise<void> {
  const closed = new Promise<void>((resolve) => ws.once('close', () => resolve()))
  ws.close(code, reason)
  const timer = setTimeout(() => ws.terminate(), closeTimeoutMs)
  await closed
  clearTimeout(timer)
}

/**
 * Identifies the caller by the connection parameters or the header of the upgrade. Closes the socket with a code that shows
 * the reason if authentication fails, or when the session ends.
 */
export async function authenticate(
  identity: Pick<Identity, 'identify'>,
  connection: SocketConnection,
  params: Readonly<Record<string, unknown>> | undefined,
): Promise<boolean> {
  const { ws, request } = connection
  if (request === null) throw new TypeError('A socket is identified once.')
  connection.request = null
  const identified = await identity.identify(request, authorizationsIn(params))
  if (ws.readyState !== ws.OPEN) return false
  if ('failure' in identified) {
    const { status, message } = identified.failure
    ws.close(closeCodeOf[status], truncateReason(message))
    return false
  }
  connection.session = identified.session
  connection.unsubscribe = identified.session.onEnd(() => {
    void closeGracefully(ws, CloseCode.Forbidden, 'Your credential is no longer valid.')
  })
  return true
}

/**
 * Every `authorization` in the connection parameters, in any letter case, also below `headers`, where clients of other servers
 * put it. A value that is not a string becomes an empty string, which is an invalid credential rather than none.
 */
function authorizationsIn(params: Readonly<Record<string, unknown>> | undefined): readonly string[] {
  const nested = valuesOf(params, 'headers').flatMap((headers) => valuesOf(headers, 'authorization'))
  const values = [...valuesOf(params, 'authorization'), ...nested]
  return values.map((value) => (typeof value === 'string' ? value : ''))
}

/** The values of an object under a name in any letter case, without null and undefined. Empty if it is not an object. */
function valuesOf(object: unknown, name: string): readonly unknown[] {
  if (typeof object !== 'object' || object === null) return []
  return Object.entries(object).flatMap(([key, value]: [string, unknown]) =>
    key.toLowerCase() === name && value !== null && value !== undefined ? [value] : [],
  )
}
