import type { IncomingMessage, ServerResponse } from 'node:http'
import { sendNodeResponse } from '@whatwg-node/server'
import type { Pipeline } from '../graphql/execution/pipeline.ts'
import type { Identity } from '../identity/identity.ts'
import type { AuthFailure } from '../identity/session.ts'
import type { Cors } from './cors.ts'
import { isFromForeignPage } from './cross-site.ts'
import type { GraphiqlPage } from './graphiql/graphiql-page.ts'
import { destroyStalledResponse } from './destroy-stalled-response.ts'
import { refuse, sendGraphqlError, stoppingHeaders, stoppingMessage } from './respond.ts'
import { receiveOperation } from './receive-operation.ts'
import type { RequestRate } from '../limits/request-rate.ts'

export interface GraphqlRouteOptions {
  readonly pipeline: Pipeline
  readonly identity: Identity
  readonly requestRate: RequestRate
  readonly cors: Cors
  /** Pages of these origins may ask by GET, beside our own. */
  readonly corsOrigins: readonly string[]
  /** null: GraphiQL is off. */
  readonly graphiql: GraphiqlPage | null
}

export interface GraphqlRoute {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Answers a request that comes while the gateway stops. */
  sendStopping(request: IncomingMessage, response: ServerResponse): void
  /** Whether the answer is a stream of a subscription's. */
  isStream(response: ServerResponse): boolean
}

/** `/graphql` over HTTP: operations by POST and GET, subscriptions by SSE, GraphiQL for a browser. */
export function createGraphqlRoute(options: GraphqlRouteOptions): GraphqlRoute {
  const { pipeline, identity, requestRate, cors, corsOrigins, graphiql } = options
  const streams = new WeakSet<ServerResponse>()

  return { handle, sendStopping, isStream: (response) => streams.has(response) }

  /** What every answer bears. True: it was a preflight, and is answered. */
  function begin(request: IncomingMessage, response: ServerResponse): boolean {
    // An answer is one caller's, and a GET tells how things stand now.
    response.setHeader('cache-control', 'no-store')
    // Before anything is refused, so that a page can read of it.
    return cors(request, response)
  }

  function sendStopping(request: IncomingMessage, response: ServerResponse): void {
    if (begin(request, response)) return
    sendGraphqlError(response, 503, stoppingMessage, 'UNAVAILABLE', stoppingHeaders)
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (begin(request, response)) return
    const failure = identity.accessDenied(request)
    if (failure !== null) return refuse(response, failure)
    if (!isAddressed(request)) {
      sendGraphqlError(response, 400, 'The Host header must name a host.', 'BAD_REQUEST')
      return
    }
    // A browser that opens a page can send no credential. The page holds nothing but an editor.
    if (isForPeople(request)) return graphiql === null ? sendGraphiqlOff(response) : graphiql(request, response)
    if (request.method !== 'POST' && isFromForeignPage(request, corsOrigins)) return refuse(response, foreignPage)
    const identified = await identity.identify(request)
    if ('failure' in identified) return refuse(response, identified.failure)
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
    const waitSeconds = await requestRate.acquire(session.owner)
    if (waitSeconds > 0) {
      const message = `Too many requests. Try again in ${waitSeconds} s.`
      sendGraphqlError(response, 429, message, 'RATE_LIMITED', { 'retry-after': String(waitSeconds) })
      return
    }
    if (!(await receiveOperation(request, response))) return
    if (isOver) return refuse(response, isOverNow)
    // Not Yoga's own listener, which answers an error on the way to it with a stack. Thrown on, it is told to our log alone.
    const answer = await pipeline.handleNodeRequestAndResponse(request, response, {
      // A GET is safe (RFC 9110, 9.2.1): a link or an image must not make a task anybody's.
      caller: { owner: session.owner, mayAdopt: request.method === 'POST' },
      onSubscribe() {
        streams.add(response)
        // Cut off, not ended: the end of a stream would say that the subscription is complete.
        cut = () => response.destroy()
        if (isOver) cut()
        destroyStalledResponse(response)
      },
    })
    // Of a stream Yoga says that it may be kept, and its connection too, which the server may have to close.
    answer.headers.delete('cache-control')
    answer.headers.delete('connection')
    await sendNodeResponse(answer, response, request, true)
  }
}

function sendGraphiqlOff(response: ServerResponse): void {
  response.appendHeader('vary', 'Accept')
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' })
  response.end(
    'GraphiQL is off on this gateway; the operator turns it on with GRAPHIQL=true. ' +
      'Send GraphQL operations to this URL as POST requests with Content-Type: application/json.\n',
  )
}

const foreignPage: AuthFailure = {
  status: 403,
  code: 'FORBIDDEN',
  message: 'Pages of this origin may not ask. To let them, the operator lists it in CORS_ORIGINS.',
}

const isOverNow: AuthFailure = {
  status: 401,
  code: 'UNAUTHENTICATED',
  message: 'Your credential is good no longer.',
}

/** Yoga makes a URL of it; where it cannot, that is the sender's mistake. */
function isAddressed({ headers: { host }, url = '' }: IncomingMessage): boolean {
  return host === undefined || URL.canParse(`http://${host}${url}`)
}

/** A browser that was sent here by a person, not by a program. */
function isForPeople({ method, headers, url = '' }: IncomingMessage): boolean {
  return method === 'GET' && /\btext\/html\b/.test(headers.accept ?? '') && !/[?&]query=/.test(url)
}
