import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { print } from 'graphql'
import { createClient } from 'graphql-ws'
import { GatewayError, gatewayErrorOf } from './gateway-error.ts'

/** Whether live updates arrive. `idle`: nothing is followed. */
export type Connection = 'idle' | 'live' | 'lost'

/** The gateway's API, with one credential. */
export interface Gateway {
  /** Sends an operation. Throws GatewayError. Nothing is sent twice. */
  send<T, V>(document: TypedDocumentNode<T, V>, variables: V): Promise<T>
  /**
   * Subscribes, and again after every interruption, until the subscription completes. Every start begins with the current
   * state, so nothing is missed.
   * @returns ends the subscription
   */
  follow<T, V extends Record<string, unknown>>(
    document: TypedDocumentNode<T, V>,
    variables: V,
    onData: (data: T) => void,
  ): () => void
  onConnection(listener: (connection: Connection) => void): () => void
  /** Calls the listener when the gateway does not accept the credential, or needs one. */
  onRefused(listener: () => void): () => void
  close(): void
}

interface Answer<T> {
  readonly data?: T | null
  readonly errors?: readonly { readonly message?: string; readonly extensions?: { readonly code?: string } }[]
}

const maxWaitMs = 5_000
const resubscribeMs = 3_000
const readTimeoutMs = 30_000
/** An order may wait for its slot and for the provider. */
const orderTimeoutMs = 200_000
/** The close codes with which the gateway refuses a credential. */
const refusalCodes = [4401, 4403]

/** Connects lazily: the socket is open while something is followed. */
export function createGateway(credential: string | null): Gateway {
  const connectionListeners = new Set<(connection: Connection) => void>()
  const refusalListeners = new Set<() => void>()
  const timers = new Set<ReturnType<typeof setTimeout>>()
  const headers = credential === null ? {} : { authorization: `Bearer ${credential}` }
  let isClosed = false

  const tell = (connection: Connection) => connectionListeners.forEach((listener) => listener(connection))
  const tellRefused = () => refusalListeners.forEach((listener) => listener())
  const client = createClient({
    url: `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/graphql`,
    connectionParams: headers,
    keepAlive: 10_000,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: (event) => !isRefusal(event),
    retryWait: (attempt) => wait(Math.min(maxWaitMs, 500 * 2 ** attempt) * (0.5 + Math.random() / 2)),
    on: {
      connected: () => tell('live'),
      closed: (event) => !isClosed && tell(isNormalClose(event) ? 'idle' : 'lost'),
    },
  })

  function wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        timers.delete(timer)
        resolve()
      }, ms)
      timers.add(timer)
    })
  }

  return {
    async send<T, V>(document: TypedDocumentNode<T, V>, variables: V): Promise<T> {
      const query = print(document)
      const timeoutMs = query.startsWith('mutation') ? orderTimeoutMs : readTimeoutMs
      let response: Response
      try {
        response = await fetch('/graphql', {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
          body: JSON.stringify({ query, variables }),
          signal: AbortSignal.timeout(timeoutMs),
        })
      } catch (cause) {
        throw new GatewayError('unreachable', 'The gateway cannot be reached. Check your connection.', { cause })
      }
      const answer = await readAnswer<T>(response)
      const [error] = answer?.errors ?? []
      if (!response.ok || error !== undefined || answer?.data === undefined || answer.data === null) {
        const failure = gatewayErrorOf(response.status, error?.extensions?.code ?? null, error?.message ?? null)
        if (failure.kind === 'unauthenticated') tellRefused()
        throw failure
      }
      return answer.data
    },

    follow<T, V extends Record<string, unknown>>(
      document: TypedDocumentNode<T, V>,
      variables: V,
      onData: (data: T) => void,
    ): () => void {
      const query = print(document)
      let isEnded = false
      let unsubscribe = () => {}
      /** The subscription has ended with an error, such as a database that cannot be read. */
      async function resubscribe(): Promise<void> {
        await wait(resubscribeMs)
        if (!isEnded && !isClosed) subscribe()
      }
      function subscribe(): void {
        unsubscribe = client.subscribe<T>(
          { query, variables },
          {
            next: ({ data }) => {
              if (data !== undefined && data !== null) onData(data)
            },
            error: (error) => {
              if (isRefusal(error)) tellRefused()
              else void resubscribe()
            },
            complete: () => {},
          },
        )
      }
      subscribe()
      return () => {
        isEnded = true
        unsubscribe()
      }
    },

    onConnection(listener) {
      connectionListeners.add(listener)
      return () => connectionListeners.delete(listener)
    },
    onRefused(listener) {
      refusalListeners.add(listener)
      return () => refusalListeners.delete(listener)
    },
    close() {
      isClosed = true
      for (const timer of timers) clearTimeout(timer)
      void client.dispose()
    },
  }
}

/** The body of an answer; null if it is not JSON, as from a proxy. */
async function readAnswer<T>(response: Response): Promise<Answer<T> | null> {
  try {
    const answer: Answer<T> = await response.json()
    return answer
  } catch {
    return null
  }
}

function codeOf(event: unknown): number | null {
  return event instanceof CloseEvent ? event.code : null
}

function isRefusal(event: unknown): boolean {
  return refusalCodes.includes(codeOf(event) ?? 0)
}

/** The client closes the socket itself once nothing is followed. */
function isNormalClose(event: unknown): boolean {
  return codeOf(event) === 1000
}
