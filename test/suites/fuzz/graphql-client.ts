import { Agent } from 'undici'
import type { Place } from './fuzz-world.ts'
import { openGraphqlSocket, type GraphqlSocket } from './graphql-socket.ts'

export type Way = 'POST' | 'SSE' | 'WebSocket' | 'GET'

export interface GraphqlAnswer {
  /** The status and the first code of an error, or the kinds of the messages. */
  readonly verdict: string
  /** null over WebSocket. */
  readonly status: number | null
  readonly text: string
}

/** Sends operations to one gateway over connections that are kept. */
export interface GraphqlClient {
  /** A subscription is left after its first item. `worker` has a socket of its own. */
  send(way: Way, operation: object, worker: number): Promise<GraphqlAnswer>
  close(): Promise<void>
}

/** How long a stream that has begun may go on, in milliseconds. */
const streamMs = 50

/** Whether the operation may open a stream without an item: a list of tasks that is empty. */
export function mayBeSilent(operation: object): boolean {
  return JSON.stringify(operation).includes('separationsUpdated')
}

export function createGraphqlClient({ gateway, authorization }: Place): GraphqlClient {
  const agent = new Agent({ connections: 16, headersTimeout: 15_000, bodyTimeout: 15_000 })
  const sockets = new Map<number, GraphqlSocket>()

  async function overHttp(way: Exclude<Way, 'WebSocket'>, operation: object): Promise<GraphqlAnswer> {
    const accept = way === 'SSE' ? 'text/event-stream' : 'application/json'
    const path = way === 'GET' ? `/graphql?${queryOf(operation)}` : '/graphql'
    const { statusCode, headers, body } = await agent.request({
      origin: gateway.url,
      path,
      method: way === 'GET' ? 'GET' : 'POST',
      headers: {
        accept,
        ...(authorization === null ? {} : { authorization }),
        ...(way === 'GET' ? {} : { 'content-type': 'application/json' }),
      },
      body: way === 'GET' ? null : JSON.stringify(operation),
    })
    let text = ''
    // Whoever leaves a stream closes its connection; most streams end by themselves right after their one item.
    let leaving: NodeJS.Timeout | undefined
    body.on('error', () => {})
    let hasLeft = false
    const leave = () => {
      hasLeft = true
      body.destroy()
    }
    try {
      for await (const chunk of body.setEncoding('utf8')) {
        text += String(chunk)
        const hasBegun = /^event: next$/m.test(text) || (text.startsWith(':') && mayBeSilent(operation))
        if (hasBegun && !text.includes('event: complete\n')) leaving ??= setTimeout(leave, streamMs)
      }
    } catch (error) {
      if (!hasLeft) throw error
    }
    clearTimeout(leaving)
    return { verdict: `${statusCode}${codeIn(text)}`, status: statusCode, text: `${JSON.stringify(headers)} ${text}` }
  }

  async function overSocket(operation: object, worker: number): Promise<GraphqlAnswer> {
    let socket = sockets.get(worker)
    if (socket === undefined || socket.isClosed()) {
      socket = await openGraphqlSocket(gateway.url, authorization)
      sockets.set(worker, socket)
    }
    const text = await socket.ask(operation, mayBeSilent(operation) ? streamMs : null)
    return { verdict: `${/"type":"(\w+)"/.exec(text)?.[1] ?? text.slice(0, 11)}${codeIn(text)}`, status: null, text }
  }

  return {
    send: (way, operation, worker) => (way === 'WebSocket' ? overSocket(operation, worker) : overHttp(way, operation)),
    async close() {
      for (const socket of sockets.values()) socket.close()
      await agent.destroy()
    },
  }
}

function codeIn(text: string): string {
  const code = /"code":"(\w+)"/.exec(text)?.[1]
  if (code !== undefined) return ` ${code}`
  return /"errors":/.test(text) ? ' without a code' : ''
}

function queryOf(operation: object): URLSearchParams {
  const given = Object.entries(operation).filter(([, value]) => value !== undefined)
  return new URLSearchParams(
    given.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  )
}
