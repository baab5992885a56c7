import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import type { Result } from './gateway.ts'
import { expectNoCanary } from './canaries.ts'

export interface Operation {
  readonly query: string
  readonly variables?: Record<string, unknown>
  readonly operationName?: string
}

/**
 * Sends an operation and resolves to all that came of it, when it has completed.
 * @param authorization what the header of that name says, or the connection's parameter; nothing if left out
 */
export type Transport = (
  url: string,
  operation: Operation,
  authorization?: string,
) => Promise<Result<Record<string, unknown>>[]>

const json = 'application/json'
const eventStream = 'text/event-stream'

/** Every way in which an operation can come to a gateway, and fails if a secret comes back. `url` is the gateway's. */
export const transports = {
  POST: async (url: string, operation: Operation, authorization?: string) => [
    await jsonOf(await post(url, operation, json, withCredential(authorization))),
  ],
  GET: async (url: string, operation: Operation, authorization?: string) => [
    await jsonOf(await get(url, operation, json, withCredential(authorization))),
  ],
  'SSE by POST': async (url: string, operation: Operation, authorization?: string) =>
    all(readEvents(await post(url, operation, eventStream, withCredential(authorization)))),
  'SSE by GET': async (url: string, operation: Operation, authorization?: string) =>
    all(readEvents(await get(url, operation, eventStream, withCredential(authorization)))),
  WebSocket: overWebSocket,
} satisfies Record<string, Transport>

async function jsonOf(response: Response): Promise<Result<Record<string, unknown>>> {
  const text = await response.text()
  expectNoCanary(text, 'an answer')
  return JSON.parse(text)
}

export type TransportName = keyof typeof transports

/** Transports for every operation. */
export const forEverything = ['POST', 'SSE by POST', 'WebSocket'] as const satisfies readonly TransportName[]
/** Transports for more than one result. */
export const forSubscriptions = ['SSE by POST', 'SSE by GET', 'WebSocket'] as const satisfies readonly TransportName[]
/** All of them; no mutation goes by GET. */
export const forQueries = ['POST', 'GET', 'SSE by POST', 'SSE by GET', 'WebSocket'] as const

export function post(url: string, operation: unknown, accept: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${url}/graphql`, {
    ...init,
    method: 'POST',
    headers: { 'content-type': json, accept, ...Object.fromEntries(new Headers(init.headers)) },
    body: JSON.stringify(operation),
  })
}

export function get(url: string, operation: Operation, accept: string, init: RequestInit = {}): Promise<Response> {
  const { query, variables, operationName } = operation
  const parameters = new URLSearchParams({
    query,
    ...(variables === undefined ? {} : { variables: JSON.stringify(variables) }),
    ...(operationName === undefined ? {} : { operationName }),
  })
  return fetch(`${url}/graphql?${parameters}`, {
    ...init,
    headers: { accept, ...Object.fromEntries(new Headers(init.headers)) },
  })
}

/** The results in a stream of events. Ends at `complete`; throws if the stream ends without it. */
export async function* readEvents(response: Response): AsyncGenerator<Result<Record<string, unknown>>, void> {
  if (!response.headers.get('content-type')?.startsWith(eventStream)) {
    throw new Error(`No stream of events: ${response.status} ${await response.text()}`)
  }
  let text = ''
  const decoder = new TextDecoder()
  const chunks: AsyncIterable<Uint8Array> = response.body ?? new ReadableStream()
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true })
    const events = text.split('\n\n')
    text = events.pop() ?? ''
    expectNoCanary(events.join('\n\n'), 'a stream')
    for (const event of events) {
      const name = /^event: (.*)$/m.exec(event)?.[1]
      if (name === 'complete') return
      if (name === 'next') yield JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? '')
    }
  }
  throw new Error('The stream ended without being complete.')
}

/** What sends this credential along. */
export function withCredential(authorization: string | undefined): RequestInit {
  return authorization === undefined ? {} : { headers: { authorization } }
}

async function overWebSocket(
  url: string,
  operation: Operation,
  authorization?: string,
): Promise<Result<Record<string, unknown>>[]> {
  const connectionParams = authorization === undefined ? {} : { authorization }
  const client = createClient({ url: webSocketUrl(url), webSocketImpl: WebSocket, retryAttempts: 0, connectionParams })
  const results: Result<Record<string, unknown>>[] = []
  const messages: string[] = []
  client.on('message', (message) => messages.push(JSON.stringify(message)))
  try {
    await new Promise<void>((resolve, reject) => {
      client.subscribe(operation, {
        next: (result) => results.push(JSON.parse(JSON.stringify(result))),
        complete: resolve,
        error(error) {
          if (!Array.isArray(error)) return reject(error instanceof Error ? error : new Error(describe(error)))
          results.push(JSON.parse(JSON.stringify({ errors: error })))
          resolve()
        },
      })
    })
  } finally {
    await client.dispose()
  }
  expectNoCanary(messages.join('\n'), 'what a socket told')
  return results
}

/** The URL of the gateway's WebSocket endpoint. */
export function webSocketUrl(url: string): string {
  return `${url.replace('http', 'ws')}/graphql`
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

function describe(error: unknown): string {
  const isClose = typeof error === 'object' && error !== null && 'code' in error && 'reason' in error
  return isClose ? `The socket was closed: ${String(error.code)} ${String(error.reason)}` : String(error)
}
