import { createClient } from 'graphql-ws'
import { type Answer, badResponse, errorOf, type GraphqlError, unreachable } from './answer.ts'
import { headersOf } from './credential.ts'
import { StemgateError } from './errors.ts'
import type { Address, Subscribe, SubscriptionRequest, Transport } from './event-streams.ts'

/** Close codes of the gateway. */
const unauthorized = 4401
const forbidden = 4403

export interface WebSocketsOptions {
  /** Node.js before version 22 has no WebSocket: pass the one of the package `ws`. */
  readonly webSocketImpl?: unknown
}

/** Subscriptions over one WebSocket that all of them share (graphql-ws), opened for the first of them and closed after the last. */
export function webSockets(options: WebSocketsOptions = {}): Transport {
  return (address) => shareSocket(address, options)
}

function shareSocket({ url, timeoutMs }: Address, { webSocketImpl }: WebSocketsOptions): Subscribe {
  let token: string | null = null
  /** Whether the gateway has accepted the token of the latest socket. */
  let isAccepted = false
  let silence: ReturnType<typeof setTimeout> | undefined
  /** Gives up the socket unless something comes in time. */
  function awaitWithin(ms: number): void {
    clearTimeout(silence)
    silence = setTimeout(() => client.terminate(), ms)
  }
  const client = createClient({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl,
    connectionParams: () => headersOf(token),
    // Who follows a subscription opens it again.
    retryAttempts: 0,
    keepAlive: timeoutMs / 2,
    on: {
      connecting() {
        isAccepted = false
        awaitWithin(timeoutMs)
      },
      connected() {
        isAccepted = true
        clearTimeout(silence)
      },
      ping: (isReceived) => void (isReceived || awaitWithin(timeoutMs / 2)),
      pong: (isReceived) => void (isReceived && clearTimeout(silence)),
      closed: () => clearTimeout(silence),
    },
  })

  return async function* subscribe<T>(request: SubscriptionRequest<T>): AsyncGenerator<Answer<T>> {
    const { operation, variables, signal } = request
    signal.throwIfAborted()
    token = request.token
    const results = client.iterate<T>({ query: operation.text, variables })
    const leave = () => void results.return?.()
    signal.addEventListener('abort', leave)
    try {
      for await (const result of results) yield result
    } catch (error) {
      signal.throwIfAborted()
      throw failureOf(error, isAccepted)
    } finally {
      signal.removeEventListener('abort', leave)
      leave()
    }
    signal.throwIfAborted()
  }
}

/** What ended a subscription: the errors of the gateway, a close event, or a failed connection. */
function failureOf(error: unknown, isAccepted: boolean): StemgateError {
  if (error instanceof StemgateError) return error
  if (Array.isArray(error)) {
    const [first]: readonly GraphqlError[] = error
    return first === undefined ? badResponse('It is an error without a reason.') : errorOf(first)
  }
  const { code, reason } = closeOf(error)
  // An accepted token that ends, such as one that expires, closes the socket with 4403.
  if (code === unauthorized || (code === forbidden && isAccepted)) return new StemgateError('UNAUTHENTICATED', reason)
  if (code === forbidden) return new StemgateError('FORBIDDEN', reason)
  return unreachable(error)
}

function closeOf(event: unknown): { readonly code: unknown; readonly reason: string } {
  const isClose = typeof event === 'object' && event !== null && 'code' in event && 'reason' in event
  return isClose ? { code: event.code, reason: String(event.reason) } : { code: null, reason: '' }
}
