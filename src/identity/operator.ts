import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isLocalRequest } from './local-request.ts'
import type { AuthFailure } from './session.ts'
import { derived } from '../runtime/derived.ts'
import { isLoopback } from '../runtime/loopback.ts'

export interface OperatorOptions {
  /** ADMIN_TOKEN. null: unset. Called at each request, as it may be replaced. */
  readonly adminToken: () => string | null
  /** The address on which ADMIN_PORT listens. null: ADMIN_PORT is unset. */
  readonly adminHost: string | null
}

/** Decides who may read the metrics and the readiness. A caller's API key or token gives no access. */
export interface Operator {
  /** Whether the request has ADMIN_TOKEN. */
  hasToken(request: IncomingMessage): boolean
  /** Why the main port refuses the metrics to this request. null: it does not. `elsewhere`: only ADMIN_PORT serves them. */
  refusalOfMetrics(request: IncomingMessage): AuthFailure | 'elsewhere' | null
  /** Why ADMIN_PORT refuses this request; null if it does not. */
  refusalOnAdminPort(what: 'metrics' | 'health', request: IncomingMessage): AuthFailure | null
}

const tokenMissing: AuthFailure = {
  status: 401,
  code: 'UNAUTHENTICATED',
  message: 'The metrics require ADMIN_TOKEN. Send it as `Authorization: Bearer <token>`.',
}

const localOnly: AuthFailure = {
  status: 403,
  code: 'FORBIDDEN',
  message:
    'The metrics are available only on the gateway’s own machine, at http://localhost or http://127.0.0.1. To read them ' +
    'from another machine, the operator sets ADMIN_TOKEN or ADMIN_PORT.',
}

/** Refuses a request from another machine. */
export const operatorLocalOnly: AuthFailure = {
  status: 403,
  code: 'FORBIDDEN',
  message: 'This URL is available only on the gateway’s own machine, at http://localhost or http://127.0.0.1.',
}

/**
 * If ADMIN_TOKEN is set, the metrics require it on both ports and from every machine. Otherwise they are available on this
 * machine, or to everyone who can reach ADMIN_PORT if ADMIN_HOST is not a loopback address.
 */
export function createOperator({ adminToken, adminHost }: OperatorOptions): Operator {
  const isAdminPortOpen = adminHost !== null && !isLoopback(adminHost)
  const expected = derived(adminToken, (token) => (token === null ? null : digestOf(token)))

  function hasToken({ headers }: IncomingMessage): boolean {
    const token = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
    const digest = expected()
    return digest !== null && token !== undefined && timingSafeEqual(digestOf(token), digest)
  }

  return {
    hasToken,
    refusalOfMetrics(request) {
      if (adminToken() !== null) return hasToken(request) ? null : tokenMissing
      if (adminHost !== null) return 'elsewhere'
      return isLocalRequest(request) ? null : localOnly
    },
    refusalOnAdminPort(what, request) {
      if (hasToken(request)) return null
      if (what === 'metrics' && adminToken() !== null) return tokenMissing
      return isAdminPortOpen || isLocalRequest(request) ? null : operatorLocalOnly
    },
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
