import type { IncomingMessage, ServerResponse } from 'node:http'
import { sendNodeResponse } from '@whatwg-node/server'
import type { Trace } from '../runtime/trace.ts'
import type { Identity } from '../identity/identity.ts'
import type { AuthFailure } from '../identity/session.ts'
import type { Cors } from './cors.ts'
import { createHostCheck } from './host-check.ts'
import { isFromForeignPage } from './cross-site.ts'
import type { GraphiqlPage } from './graphiql/graphiql-page.ts'
import type { EventStreams } from './event-stream/event-streams.ts'
import { refuse, sendGraphqlError, stoppingHeaders, stoppingMessage } from './respond.ts'
import { prepareForYoga, receiveBody } from './receive-operation.ts'
import type { ShortWay } from './short-way/short-way.ts'
import type { RequestRate } from '../limits/request-rate.ts'
import type { LogLimitedRequest } from './limited-requests.ts'

export interface GraphqlRouteOptions {
  readonly eventStreams: EventStreams
  readonly shortWay: ShortWay
  readonly identity: Identity
  readonly requestRate: RequestRate
  readonly logLimitedRequest: LogLimitedRequest
  readonly cors: Cors
  /** Pages of these origins may send GET requests, in addition to the gateway's own pages. */
  readonly corsOrigins: readonly string[]
  /** null: GraphiQL is off. */
  readonly graphiql: GraphiqlPage | null
}

export interface GraphqlRoute {
  handle(request: IncomingMessage, response: ServerResponse, path: string, trace: Trace): Promise<void>
  /** Refuses a request that arrives while the gateway is stopping. */
  sendStopping(request: IncomingMessage, response: ServerResponse): void
  /** Whether the response streams a subscription. */
  isStream(response: ServerResponse): boolean
}

/** `/graphql` over HTTP: operations by POST and GET, subscriptions by SSE, GraphiQL for a browser. */
export function createGraphqlRoute(options: GraphqlRouteOptions): GraphqlRoute {
  const { eventStreams, shortWay, identity, requestRate, logLimitedRequest, cors, corsOrigins, graphiql } = options
  const hasValidHost = createHostCheck()

  return { handle, sendStopping, isStream: eventStreams.isStream }

  /** Sets the headers of every answer. Returns true if the request was a preflight, which is then answered. */
  function setHeaders(request: IncomingMessage, response: ServerResponse): boolean {
    // An answer belongs to one caller and is out of date at once.
    response.setHeader('cache-control', 'no-store')
    // CORS headers must come before any refusal, so that a page can read why it was refused.
    return cors(request, response)
  }

  function sendStopping(request: IncomingMessage, response: ServerResponse): void {
    if (setHeaders(request, response)) return
    sendGraphqlError(response, 503, stoppingMessage, 'UNAVAILABLE', stoppingHeaders)
  }

  async function handle(
    request: IncomingMessage,
    response: ServerResponse,
    _path: string,
    trace: Trace,
  ): Promise<void> {
    if (setHeaders(request, response)) return
    const failure = identity.accessDenied(request)
    if (failure !== null) return refuse(response, failure)
    if (!hasValidHost(request)) {
      sendGraphqlError(response, 400, 'The Host header must contain a valid host name.', 'BAD_REQUEST')
      return
    }
    // GraphiQL needs no credential: a browser cannot send one when it opens a page, and the page contains no data.
    if (isPageRequest(request)) return graphiql === null ? sendGraphiqlOff(response) : graphiql(request, response)
    if (request.method !== 'POST' && isFromForeignPage(request, corsOrigins)) return refuse(response, foreignPage)
    const identified = await identity.identify(request)
    if ('failure' in identified) return refuse(response, identified.failure)
    if (response.destroyed) return
    const { session } = identified
    session.use()
    const waitSeconds = await requestRate.acquire(session.owner)
    if (waitSeconds > 0) {
      logLimitedRequest(session.owner, waitSeconds, trace)
      const message = `Too many requests. Try again in ${waitSeconds} s.`
      sendGraphqlError(response, 429, message, 'RATE_LIMITED', { 'retry-after': String(waitSeconds) })
      return
    }
    const isPost = request.method === 'POST'
    const body = isPost ? await receiveBody(request, response) : null
    if (isPost && body === null) return
    if (session.hasEnded()) return refuse(response, sessionEnded)
    // A GET must be safe (RFC 9110, 9.2.1): opening a link or an image must not adopt a task.
    const onLeave = (end: () => void) => void response.once('close', end)
    const caller = { owner: session.owner, limits: session.limits(), mayAdopt: isPost, trace, onLeave }
    const short = body === null ? 'not-taken' : await shortWay.answer(response, caller, body)
    if (short === 'answered' || !prepareForYoga(request, response, body)) return
    const answer = await eventStreams.answer(request, response, { caller, ...(short === 'not-taken' ? {} : short) })
    if (answer !== null) {
      shortWay.learn(request, answer)
      return sendNodeResponse(answer, response, request, true)
    }
    response.once(
      'close',
      session.onEnd(() => destroyStream(response)),
    )
  }

  /** Destroys a stream instead of ending it: a normal end would mean that the subscription is complete. */
  function destroyStream(response: ServerResponse): void {
    if (eventStreams.isStream(response)) response.destroy()
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
  message: 'Pages of this origin are not allowed. The operator can add the origin to CORS_ORIGINS.',
}

const sessionEnded: AuthFailure = {
  status: 401,
  code: 'UNAUTHENTICATED',
  message: 'Your credential is no longer valid.',
}

/** Whether a browser opens the URL as a page, without an operation. */
function isPageRequest({ method, headers, url = '' }: IncomingMessage): boolean {
  return method === 'GET' && /\btext\/html\b/.test(headers.accept ?? '') && !/[?&]query=/.test(url)
}
