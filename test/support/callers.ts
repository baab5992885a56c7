import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { expect, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { canary, expectNoCanary } from './canaries.ts'
import { someTrack, startGateway, type Result, type TestGateway } from './gateway.ts'
import { webSocketUrl } from './transports.ts'

/** Two callers, as they stand in API_KEYS. */
export const webKey = `key-of-web-${canary}-0123456789`
export const mobileKey = `key-of-mobile-${canary}-9876543210`
/** Nobody's, and a secret all the same: it may be another's with a slip in it. */
export const wrongKey = `wrong-key-${canary}-0123456789`
export const twoCallers = { API_KEYS: `web:${webKey},mobile:${mobileKey}` }

/** The secrets that must never be printed: add any other key or token that a test creates. */
export const secrets = new Set([webKey, mobileKey])

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** A gateway that is searched, at the end of the test, for secrets in what it has logged. */
export async function startGuarded(environment: Readonly<Record<string, string>>): Promise<TestGateway> {
  const gateway = await startGateway({ LOG_LEVEL: 'debug', ...environment })
  onTestFinished(() => expectNoSecret(gateway.logged.join('\n')))
  return gateway
}

export function expectNoSecret(text: string): void {
  expectNoCanary(text, 'what was told or logged')
  for (const secret of secrets) expect(text.includes(secret)).toBe(false)
}

/** Unlike fetch it sends any Host. What is answered never holds a secret. */
export async function ask(
  url: string,
  path: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const request = httpRequest(`${url}${path}`, { method, headers })
  request.end(body)
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response) text += String(chunk)
  expectNoSecret(`${JSON.stringify(response.headers)} ${text}`)
  return { status: response.statusCode, headers: response.headers, text }
}

/** What `separate` may answer. */
export interface SeparateOutcome {
  readonly __typename: string
  readonly reused?: boolean
  readonly task?: { readonly id: string }
  readonly message?: string
  readonly retryable?: boolean
  readonly retryAfterSeconds?: number
}

/** One caller of a gateway. */
export function callerOf({ url }: { readonly url: string }, credential: string) {
  const authorization = `Bearer ${credential}`
  const headers = { authorization, 'content-type': 'application/json', accept: 'application/json' }

  async function send(query: string, variables: unknown = {}): Promise<Answer> {
    return ask(url, '/graphql', { method: 'POST', headers, body: JSON.stringify({ query, variables }) })
  }

  async function result(query: string, variables: unknown = {}): Promise<Result<Record<string, unknown>>> {
    return JSON.parse((await send(query, variables)).text)
  }

  return {
    authorization,
    send,
    result,
    /** Orders; resolves to what `separate` answered. */
    async separate(input: object = {}): Promise<SeparateOutcome> {
      const query = `mutation ($input: SeparateInput!) { separate(input: $input) {
        __typename
        ... on SeparateSuccess { reused task { id } }
        ... on SeparateError { message retryable }
        ... on RateLimitedError { retryAfterSeconds }
      } }`
      const { data, errors } = await result(query, { input: { ...someTrack, ...input } })
      if (errors !== undefined) throw new Error(JSON.stringify(errors))
      return data?.['separate'] as SeparateOutcome
    },
    /** Orders; resolves to our id of the task. */
    async order(input: object = {}): Promise<string> {
      const separated = await this.separate(input)
      if (separated.task === undefined) throw new Error(`The order was not taken: ${JSON.stringify(separated)}`)
      return separated.task.id
    },
  }
}

/** A socket of graphql-ws's protocol, spoken by hand. */
export interface Socket {
  readonly ws: WebSocket
  /** Everything that came, parsed. */
  readonly messages: readonly { readonly type: string; readonly id?: string; readonly payload?: unknown }[]
  /** The code with which it was closed. */
  readonly closed: Promise<number>
  /** Resolves when this many messages have come; rejects if it is closed before. */
  reachability(count: number): Promise<void>
  subscribe(id: string, query: string): void
}

/** Opens a socket and introduces itself. */
export function openSocket(url: string, payload?: object, headers: Readonly<Record<string, string>> = {}): Socket {
  const ws = new WebSocket(webSocketUrl(url), 'graphql-transport-ws', { headers })
  onTestFinished(() => ws.terminate())
  const messages: Socket['messages'][number][] = []
  const closed = once(ws, 'close').then(([code, reason]) => {
    expectNoSecret(String(reason))
    return Number(code)
  })
  closed.catch(() => {})
  ws.once('open', () => ws.send(JSON.stringify({ type: 'connection_init', payload })))
  ws.on('message', (data: Buffer) => {
    messages.push(JSON.parse(data.toString()))
    ws.emit('counted')
  })
  return {
    ws,
    messages,
    closed,
    async reachability(count) {
      const tooEarly = closed.then((code) => {
        throw new Error(`The socket was closed with ${code} after ${JSON.stringify(messages)}`)
      })
      while (messages.length < count) await Promise.race([once(ws, 'counted'), tooEarly])
      tooEarly.catch(() => {})
    },
    subscribe: (id, query) => ws.send(JSON.stringify({ id, type: 'subscribe', payload: { query } })),
  }
}

/** A stream of events, as it comes over the line. */
export interface Stream {
  text(): string
  /** Resolves when the text holds this. */
  reachability(what: string): Promise<void>
  /** How it ended: as a stream does, or cut off. */
  readonly ended: Promise<'ended' | 'cut'>
}

/** Opens a stream of events by POST. */
export async function openStream(url: string, query: string, headers: Record<string, string>): Promise<Stream> {
  const request = httpRequest(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
  })
  onTestFinished(() => void request.destroy())
  request.end(JSON.stringify({ query }))
  const [response] = await once(request, 'response')
  expect(response.headers['content-type']).toMatch(/^text\/event-stream/)
  let text = ''
  response.on('data', (data: Buffer) => (text += String(data)))
  const ended = new Promise<'ended' | 'cut'>((resolve) => {
    response.once('error', () => resolve('cut'))
    response.once('end', () => resolve('ended'))
  })
  return {
    text: () => text,
    async reachability(what) {
      while (!text.includes(what)) {
        const event = await Promise.race([once(response, 'data'), ended])
        if (typeof event === 'string' && !text.includes(what)) throw new Error(`The stream was ${event}: ${text}`)
      }
    },
    ended,
  }
}

/** Fails unless it comes in time: who is out is out within a second, and the machine may be busy. */
export async function soon<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('It did not come within the second.')), 1_900)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
