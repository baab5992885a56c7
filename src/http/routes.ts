import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Trace } from '../runtime/trace.ts'
import type { Identity } from '../identity/identity.ts'
import { operatorLocalOnly, type Operator } from '../identity/operator.ts'
import type { AuthFailure } from '../identity/session.ts'
import { callbacksPath } from '../separation/callback/callback-address.ts'
import { stemsPath } from '../stems/stem-links.ts'
import type { GraphqlRoute } from './graphql-route.ts'
import { sendLiveness, sendMetrics, sendReadiness, type MetricsSource } from './operator-answers.ts'
import type { Readiness } from './readiness.ts'
import { refuse, sendGraphqlError } from './respond.ts'
import { sendMessagePage } from './web/message-page.ts'
import { wantsPage } from './web/wants-page.ts'
import { webFilesPath, type WebRoute } from './web/web-route.ts'

export interface RoutesOptions {
  readonly graphql: GraphqlRoute
  readonly callback: Handler
  /** null: stems have the providers' own URLs. */
  readonly stems: Handler | null
  /** null: the sandbox is off. */
  readonly sandbox: Handler | null
  readonly web: WebRoute
  readonly identity: Identity
  readonly operator: Operator
  readonly readiness: Readiness
  readonly metrics: MetricsSource
  /** Prints the schema; null: introspection is off. */
  readonly schemaText: (() => string) | null
}

type Handler = (request: IncomingMessage, response: ServerResponse, path: string, trace: Trace) => void | Promise<void>

/**
 * Who may use a route.
 * - `public`: everyone. The handler may check more: a callback's token, a stem's link, the sandbox's key.
 * - `handler`: the handler decides. GraphQL sends its CORS headers before it refuses, so that a page can read why.
 * - `network`: requests from where callers may connect: only this machine, unless credentials are configured.
 * - `network-or-token`: the same, and requests with ADMIN_TOKEN.
 * - `local`: requests from this machine.
 * - `operator`: requests that may read the metrics: ADMIN_TOKEN, ADMIN_PORT or this machine.
 */
type Access = 'public' | 'handler' | 'network' | 'network-or-token' | 'local' | 'operator'

export interface Route {
  /** The label of the route in the metrics and the log. */
  readonly name: string
  /** Matches this path alone, or every path with this prefix. */
  readonly match: { readonly path: string } | { readonly prefix: string }
  readonly access: Access
  readonly handle: Handler
}

export interface Routes {
  /** The first route that matches the path; the route `none` if no other does. */
  find(path: string): Route
  /** Answers the request if its sender may use the route, else refuses it. */
  dispatch(route: Route, request: IncomingMessage, response: ServerResponse, path: string, trace: Trace): Promise<void>
}

export function createRoutes({
  graphql,
  web,
  identity,
  operator,
  readiness,
  metrics,
  schemaText,
  ...options
}: RoutesOptions): Routes {
  const callback = options.callback
  const stems: Handler = options.stems ?? sendNotFound
  const sandbox: Handler = options.sandbox ?? sendNotFound
  const ready: Handler = (request, response) =>
    sendReadiness(response, readiness, operator.refusalOfMetrics(request) === null)
  const live: Handler = (_request, response) => sendLiveness(response)
  /** Printed once: anyone may ask, and printing takes milliseconds. */
  let schema: string | null = null
  const showSchema: Handler = (_request, response) => {
    schema ??= schemaText?.() ?? null
    sendSchema(response, schema)
  }
  const showWebFile: Handler = async (request, response, path) => {
    if (!(await web.handleFile(request, response, path))) sendNotFound(request, response)
  }
  const showMetrics: Handler = (_request, response) => sendMetrics(response, metrics)

  const none: Route = { name: 'none', match: { prefix: '' }, access: 'public', handle: sendNotFound }
  // prettier-ignore
  const routes: readonly Route[] = [
    { name: 'start',         match: { path: '/' },                 access: 'network',          handle: web.handleStart },
    { name: 'web',           match: { prefix: webFilesPath },       access: 'network',          handle: showWebFile },
    { name: 'graphql',       match: { path: '/graphql' },          access: 'handler',          handle: graphql.handle },
    { name: 'schema',        match: { path: '/schema.graphql' },   access: 'network',          handle: showSchema },
    { name: 'callbacks',     match: { prefix: callbacksPath },      access: 'public',           handle: callback },
    { name: 'stems',         match: { prefix: stemsPath },          access: 'public',           handle: stems },
    { name: 'sandbox-api',   match: { prefix: '/sandbox/api/' },   access: 'public',           handle: sandbox },
    { name: 'sandbox-files', match: { prefix: '/sandbox/files/' }, access: 'public',           handle: sandbox },
    { name: 'sandbox',       match: { prefix: '/sandbox/' },       access: 'local',            handle: sandbox },
    { name: 'live',          match: { path: '/health/live' },      access: 'public',           handle: live },
    { name: 'ready',         match: { path: '/health/ready' },     access: 'network-or-token', handle: ready },
    { name: 'metrics',       match: { path: '/metrics' },          access: 'operator',         handle: showMetrics },
    none,
  ]

  /** Why the request may not use the route. null: it may. `elsewhere`: only ADMIN_PORT serves it. */
  function accessDenied(access: Access, request: IncomingMessage): AuthFailure | 'elsewhere' | null {
    switch (access) {
      case 'public':
      case 'handler':
        return null
      case 'network':
        return identity.accessDenied(request)
      case 'network-or-token':
        return operator.hasToken(request) ? null : identity.accessDenied(request)
      case 'local':
        return identity.isLocalRequest(request) ? null : operatorLocalOnly
      case 'operator':
        return operator.refusalOfMetrics(request)
    }
  }

  return {
    find: (path) => routes.find(({ match }) => matches(match, path)) ?? none,
    async dispatch({ access, handle }, request, response, path, trace) {
      const failure = accessDenied(access, request)
      if (failure === 'elsewhere') return sendNotFound(request, response)
      if (failure !== null) return refuse(response, failure)
      return handle(request, response, path, trace)
    },
  }
}

const nothingHere = {
  status: 404,
  heading: 'There is nothing here',
  message: 'This gateway has no page at this address. Check the address, or go to its first page.',
}

function matches(match: Route['match'], path: string): boolean {
  return 'path' in match ? path === match.path : path.startsWith(match.prefix)
}

function sendSchema(response: ServerResponse, schema: string | null): void {
  // As plain text, so that a browser shows it.
  response.writeHead(schema === null ? 404 : 200, { 'content-type': 'text/plain; charset=utf-8' })
  response.end(
    schema ??
      'The schema is not served by this gateway; the operator turns it on with INTROSPECTION=true. ' +
        'It is also in the repository, as schema/schema.graphql.\n',
  )
}

function sendNotFound(request: IncomingMessage, response: ServerResponse): void {
  if (wantsPage(request)) return sendMessagePage(response, nothingHere)
  sendGraphqlError(response, 404, 'Not found. GraphQL is at /graphql.', 'NOT_FOUND')
}
