import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Identity } from '../identity/identity.ts'
import { operatorLocalOnly, type Operator } from '../identity/operator.ts'
import type { AuthFailure } from '../identity/session.ts'
import type { GraphqlRoute } from './graphql-route.ts'
import type { Metrics } from './metrics.ts'
import { sendLiveness, sendMetrics, sendReadiness } from './operator-answers.ts'
import { refuse, sendGraphqlError } from './respond.ts'

export interface RoutesOptions {
  readonly graphql: GraphqlRoute
  readonly callback: (request: IncomingMessage, response: ServerResponse, path: string) => Promise<void>
  /** null: the sandbox is off. */
  readonly sandbox: ((request: IncomingMessage, response: ServerResponse) => void) | null
  readonly identity: Identity
  readonly operator: Operator
  /** Throws if the gateway cannot take orders now. */
  readonly checkReady: () => Promise<void>
  readonly metrics: Metrics
}

/** Answers what has come for one of the places. */
export type Routes = (route: Route, path: string, request: IncomingMessage, response: ServerResponse) => Promise<void>

/** What is shown to whom is asked for each. */
type GuardedRoute = 'sandbox' | 'ready' | 'metrics' | 'start'
export type Route = 'graphql' | 'callbacks' | 'sandbox-api' | 'sandbox-files' | 'live' | 'none' | GuardedRoute

/** Who comes where. */
export function createRoutes(options: RoutesOptions): Routes {
  const { graphql, callback, sandbox, identity, operator, checkReady, metrics } = options
  return dispatch

  async function dispatch(
    route: Route,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    switch (route) {
      case 'graphql':
        return graphql.handle(request, response)
      case 'callbacks':
        return callback(request, response, path)
      // Its key is this process's own, and opens it wherever the process has to connect to itself.
      case 'sandbox-api':
      case 'sandbox-files':
        return sandbox === null ? sendNotFound(response) : sandbox(request, response)
      case 'live':
        return sendLiveness(response)
      case 'sandbox':
      case 'ready':
      case 'metrics':
      case 'start': {
        const failure = accessFailureFor(route, request)
        if (failure === 'elsewhere') return sendNotFound(response)
        if (failure !== null) return refuse(response, failure)
        return dispatchGuarded(route, request, response)
      }
      case 'none':
        return sendNotFound(response)
    }
  }

  /** Why a place is not shown; null if it is. The metrics and the sandbox are the operator's, whoever else may order. */
  function accessFailureFor(route: GuardedRoute, request: IncomingMessage): AuthFailure | 'elsewhere' | null {
    switch (route) {
      case 'metrics':
        return operator.refusalOfMetrics(request)
      case 'sandbox':
        return identity.isLocalRequest(request) ? null : operatorLocalOnly
      case 'ready':
        return operator.hasToken(request) ? null : identity.accessDenied(request)
      case 'start':
        return identity.accessDenied(request)
    }
  }

  async function dispatchGuarded(
    route: GuardedRoute,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    switch (route) {
      case 'sandbox':
        return sandbox === null ? sendNotFound(response) : sandbox(request, response)
      case 'ready':
        return sendReadiness(response, checkReady)
      case 'metrics':
        return sendMetrics(response, metrics)
      case 'start':
        response.writeHead(302, { location: '/graphql' })
        response.end()
    }
  }
}

/** The place that a path names. */
export function routeOf(path: string): Route {
  if (path.startsWith('/callbacks/')) return 'callbacks'
  if (path.startsWith('/sandbox/api/')) return 'sandbox-api'
  if (path.startsWith('/sandbox/files/')) return 'sandbox-files'
  if (path.startsWith('/sandbox/')) return 'sandbox'
  switch (path) {
    case '/':
      return 'start'
    case '/graphql':
      return 'graphql'
    case '/health/live':
      return 'live'
    case '/health/ready':
      return 'ready'
    case '/metrics':
      return 'metrics'
    default:
      return 'none'
  }
}

function sendNotFound(response: ServerResponse): void {
  sendGraphqlError(response, 404, 'There is nothing here. GraphQL is at /graphql.', 'NOT_FOUND')
}
