import type { IncomingMessage } from 'node:http'
import { CloseCode } from 'graphql-ws'
import type { WebSocket } from 'ws'
import type { Identity } from '../../identity/identity.ts'
import type { Session } from '../../identity/session.ts'

/** A socket, and who is at its other end, once that is known. */
export interface SocketConnection {
  readonly ws: WebSocket
  readonly request: IncomingMessage
  session: Session | null
  /** No longer waits for the end of the session. */
  forget: () => void
}

/**
 * For the first, clients of graphql-ws do not connect again. For 1013 they do, as they must while it cannot be found out who
 * they are; for 4500 they never do, whatever their `shouldRetry` says.
 */
const closeCodeOf = { 401: CloseCode.Unauthorized, 403: CloseCode.Forbidden, 503: 1013 } as const
/** In bytes: what a close frame can hold. */
const maxReasonBytes = 120
/** How long who is sent away may take to say goodbye, in milliseconds. */
const closeTimeoutMs = 2_000

/** As much of a reason as a close frame can hold, in whole characters: graphql-ws repeats an id in one, however long that is. */
export function truncateReason(reason: string): string {
  return new TextDecoder().decode(Buffer.from(reason).subarray(0, maxReasonBytes), { stream: true })
}

/** Closes the socket; resolves when it is closed, by its other side or, if that does not listen, without it. */
export async function closeGracefully(ws: WebSocket, code: number, reason: string): Promise<void> {
  const closed = new Promise<void>((resolve) => ws.once('close', () => resolve()))
  ws.close(code, reason)
  const timer = setTimeout(() => ws.terminate(), closeTimeoutMs)
  await closed
  clearTimeout(timer)
}

/**
 * Finds out who has connected, by the parameters of the connection or the header of the upgrade. Whoever is not let in,
 * or no longer, is told so by the code with which the socket closes.
 */
export async function authenticate(
  identity: Pick<Identity, 'identify'>,
  connection: SocketConnection,
  params: Readonly<Record<string, unknown>> | undefined,
): Promise<boolean> {
  const { ws, request } = connection
  const identified = await identity.identify(request, authorizationsIn(params))
  if (ws.readyState !== ws.OPEN) return false
  if ('failure' in identified) {
    const { status, message } = identified.failure
    ws.close(closeCodeOf[status], truncateReason(message))
    return false
  }
  connection.session = identified.session
  connection.forget = identified.session.onEnd(() => {
    void closeGracefully(ws, CloseCode.Forbidden, 'Your credential is good no longer.')
  })
  return true
}

/**
 * Every `authorization` in the parameters of a connection, in any case and also below `headers`, where clients of other
 * servers put it. What is no text stands as an empty one: it is no credential that is good, and not none.
 */
function authorizationsIn(params: Readonly<Record<string, unknown>> | undefined): readonly string[] {
  const headers = valuesOf(params, 'headers').flatMap((each) => valuesOf(each, 'authorization'))
  const given = [...valuesOf(params, 'authorization'), ...headers]
  return given.map((each) => (typeof each === 'string' ? each : ''))
}

/** What stands under a name in any case, null and undefined aside; nothing if it is not an object. */
function valuesOf(object: unknown, name: string): readonly unknown[] {
  if (typeof object !== 'object' || object === null) return []
  return Object.entries(object).flatMap(([key, value]: [string, unknown]) =>
    key.toLowerCase() === name && value !== null && value !== undefined ? [value] : [],
  )
}
