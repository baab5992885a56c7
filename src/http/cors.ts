import type { IncomingMessage, ServerResponse } from 'node:http'
import { requestIdHeader, traceHeader } from '../runtime/trace.ts'
import { isOwnOrigin, type LogRefusedOrigin } from './refused-origins.ts'

/** Sets the CORS headers of an answer. Returns true if the request was a preflight, which is then answered. */
export type Cors = (request: IncomingMessage, response: ServerResponse) => boolean

/** How long a browser may cache a preflight, in seconds. */
const maxAgeSeconds = 600

/** Sends CORS headers to pages of these origins only. Never allows credentials, because the gateway uses no cookies. */
export function createCors(origins: readonly string[], logRefusedOrigin: LogRefusedOrigin): Cors {
  return function allowOrigin({ method, headers }, response) {
    if (origins.length > 0) response.setHeader('vary', 'Origin')
    const origin = origins.find((allowed) => allowed === headers.origin)
    if (origin === undefined) {
      // Behind a proxy that changes Host, only Sec-Fetch-Site shows that the page is ours.
      const isSameOrigin = isOwnOrigin(headers) || headers['sec-fetch-site'] === 'same-origin'
      if (headers.origin !== undefined && !isSameOrigin) logRefusedOrigin(headers.origin)
      return false
    }
    response.setHeader('access-control-allow-origin', origin)
    response.setHeader(
      'access-control-expose-headers',
      `retry-after, www-authenticate, ${requestIdHeader}, ${traceHeader}`,
    )
    if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return false
    response.writeHead(204, {
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': headers['access-control-request-headers'] ?? 'content-type',
      'access-control-max-age': String(maxAgeSeconds),
    })
    response.end()
    return true
  }
}
