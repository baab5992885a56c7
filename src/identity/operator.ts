import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isLocalRequest } from './local-request.ts'
import type { AuthFailure } from './session.ts'
import { isLoopback } from '../runtime/loopback.ts'

export interface OperatorOptions {
  /** ADMIN_TOKEN; null: unset. */
  readonly adminToken: string | null
  /** Where ADMIN_PORT listens; null: nowhere. */
  readonly adminHost: string | null
}

/** Who reads the metrics and the readiness. No caller does because of its key. */
export interface Operator {
  /** Whether the request carries ADMIN_TOKEN. */
  hasToken(request: IncomingMessage): boolean
  /** Why the main port does not show the metrics to this request; null if it does, `elsewhere`: ADMIN_PORT alone does. */
  refusalOfMetrics(request: IncomingMessage): AuthFailure | 'elsewhere' | null
  /** Why ADMIN_PORT does not show this to this request; null if it does. */
  refusalOnAdminPort(what: 'metrics' | 'health', request: IncomingMessage): AuthFailure | null
}

const tokenMissing: AuthFailure = {
  status: 401,
  code: 'UNAUTHENTICATED',
  message: 'The metrics are for the operator: send ADMIN_TOKEN as `Authorization: Bearer <token>`.',
}

const localOnly: AuthFailure = {
  status: 403,
  code: 'FORBIDDEN',
  message:
    'The metrics are shown on the gateway’s own machine alone, under http://localhost or http://127.0.0.1. To read ' +
    'them from elsewhere, its operator sets ADMIN_TOKEN or ADMIN_PORT.',
}

/** What a request is told that does not come from this machine, where only those that do are answered. */
export const operatorLocalOnly: AuthFailure = {
  status: 403,
  code: 'FORBIDDEN',
  message: 'This is shown on the gateway’s own machine alone, under http://localhost or http://127.0.0.1.',
}

/**
 * Where ADMIN_TOKEN is set, the metrics need it on either port and from everywhere. Without it they are for this machine,
 * or for whoever reaches ADMIN_PORT if ADMIN_HOST is no loopback address.
 */
export function createOperator({ adminToken, adminHost }: OperatorOptions): Operator {
  const isAdminPortOpen = adminHost !== null && !isLoopback(adminHost)
  const expected = adminToken === null ? null : digestOf(adminToken)

  function hasToken({ headers }: IncomingMessage): boolean {
    const given = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
    return expected !== null && given !== undefined && timingSafeEqual(digestOf(given), expected)
  }

  return {
    hasToken,
    refusalOfMetrics(request) {
      if (adminToken !== null) return hasToken(request) ? null : tokenMissing
      if (adminHost !== null) return 'elsewhere'
      return isLocalRequest(request) ? null : localOnly
    },
    refusalOnAdminPort(what, request) {
      if (hasToken(request)) return null
      if (what === 'metrics' && adminToken !== null) return tokenMissing
      return isAdminPortOpen || isLocalRequest(request) ? null : operatorLocalOnly
    },
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
