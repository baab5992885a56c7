import type { IncomingMessage, ServerResponse } from 'node:http'
import { sendNodeResponse } from '@whatwg-node/server'
import type { Pipeline } from '../graphql/pipeline.ts'
import type { Identity } from '../identity/identity.ts'
import type { NotLetIn } from '../identity/session.ts'
import type { CallerRate } from '../graphql/context.ts'
import type { Cors } from './cors.ts'
import type { GraphiqlPage } from './graphiql-page.ts'
import { letGoIfStuck } from './let-go-if-stuck.ts'
import { readBody, refuse, sendGraphqlError } from './respond.ts'

export interface GraphqlRouteOptions {
  readonly pipeline: Pipeline
  readonly identity: Identity
  readonly requestRate: CallerRate
  readonly cors: Cors
  /** null: GraphiQL is off. */
  readonly graphiql: GraphiqlPage | null
}

export interface GraphqlRoute {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Whether the answer is a stream of a subscription's. */
  isStream(response: ServerResponse): boolean
}

const maxBodyBytes = 64 * 1024
const jsonType = /^\s*application\/(graphql\+)?json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i

/** `/graphql` over HTTP: operations by POST and GET, subscriptions by SSE, GraphiQL for a browser. */
export function createGraphqlRoute(options: GraphqlRouteOptions): GraphqlRoute {
  const { pipeline, identity, requestRate, cors, graphiql } = options
  const streams = new WeakSet<ServerResponse>()

  return { handle, isStream: (response) => streams.has(response) }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // First, so that a page can read of a refusal too.
    if (cors(request, response)) return
    const shut = identity.doorFor(request)
    if (shut !== null) return refuse(response, shut)
    if (!isAddressed(request)) {
      sendGraphqlError(response, 400, 'The Host header must name a host.', 'BAD_REQUEST')
      return
    }
    // A browser that opens a page can send no credential. The page holds nothing but an editor.
    if (graphiql !== null && isForPeople(request)) return graphiql(request, response)
    const identified = await identity.identify(request)
    if ('notLetIn' in identified) return refuse(response, identified.notLetIn)
    if (response.destroyed) return
    const { session } = identified
    let isOver = false
    let cut = () => {}
    response.once(
      'close',
      session.onEnd(() => {
        isOver = true
        cut()
      }),
    )
    const waitSeconds = await requestRate.take(session.owner)
    if (waitSeconds > 0) {
      const message = `Too many requests. Try again in ${waitSeconds} s.`
      sendGraphqlError(response, 429, message, 'RATE_LIMITED', { 'retry-after': String(waitSeconds) })
      return
    }
    if (request.method === 'POST' && !(await takeBody(request, response))) return
    const unreadable = request.method === 'GET' ? unreadableParameterOf(request) : undefined
    if (unreadable !== undefined) {
      sendGraphqlError(response, 400, `\`${unreadable}\` of the query string must be JSON.`, 'BAD_REQUEST')
      return
    }
    if (isOver) return refuse(response, isOverNow)
    // Not Yoga's own listener, which answers an error on the way to it with a stack. Thrown on, it is told to our log alone.
    const answer = await pipeline.handleNodeRequestAndResponse(request, response, {
      caller: { owner: session.owner },
      onSubscribe() {
        streams.add(response)
        // Cut off, not ended: the end of a stream would say that the subscription is complete.
        cut = () => response.destroy()
        if (isOver) cut()
        letGoIfStuck(response)
      },
    })
    // Yoga keeps the connection of a stream alive, where the server may have to close it.
    answer.headers.delete('connection')
    await sendNodeResponse(answer, response, request, true)
  }
}

const isOverNow: NotLetIn = {
  status: 401,
  code: 'UNAUTHENTICATED',
  message: 'Your credential is good no longer.',
}

/** Reads the body within our own limit and hands it on; false if the request is answered already. */
async function takeBody(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = request.headers
  if (!jsonType.test(type) || encoding !== 'identity') {
    const message = 'Send operations as application/json in UTF-8, not compressed.'
    sendGraphqlError(response, 415, message, 'UNSUPPORTED_MEDIA_TYPE')
    return false
  }
  const body = await readBody(request, maxBodyBytes)
  if (body === 'too-large') {
    sendGraphqlError(response, 413, `A request may hold ${maxBodyBytes / 1024} KiB.`, 'PAYLOAD_TOO_LARGE')
    return false
  }
  // Where Yoga looks for a body that somebody has read already. An empty one would make it wait for the request's own.
  Object.assign(request, { body: body.length > 0 ? body : Buffer.from(' ') })
  return true
}

/** Yoga makes a URL of it; where it cannot, that is the sender's mistake. */
function isAddressed({ headers: { host }, url = '' }: IncomingMessage): boolean {
  return host === undefined || URL.canParse(`http://${host}${url}`)
}

/** Yoga would take what cannot be read there for a fault of ours. */
function unreadableParameterOf({ url = '' }: IncomingMessage): string | undefined {
  const parameters = new URLSearchParams(url.slice(url.indexOf('?') + 1))
  return ['variables', 'extensions'].find((name) => !isJson(parameters.get(name) || 'null'))
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** A browser that was sent here by a person, not by a program. */
function isForPeople({ method, headers, url = '' }: IncomingMessage): boolean {
  return method === 'GET' && /\btext\/html\b/.test(headers.accept ?? '') && !/[?&]query=/.test(url)
}
