import type { IncomingMessage, ServerResponse } from 'node:http'
import { isOwnOrigin, type LogRefusedOrigin } from './refused-origins.ts'

/** Puts the headers of CORS on an answer. True: it was a preflight, and is answered. */
export type Cors = (request: IncomingMessage, response: ServerResponse) => boolean

/** How long a browser need not ask again, in seconds. */
const maxAgeSeconds = 600

/** CORS for pages of these origins, and not a word to any other. Credentials are never allowed: nothing of ours is a cookie. */
export function createCors(origins: readonly string[], logRefusedOrigin: LogRefusedOrigin): Cors {
  return function allowOrigin({ method, headers }, response) {
    if (origins.length > 0) response.setHeader('vary', 'Origin')
    const origin = origins.find((each) => each === headers.origin)
    if (origin === undefined) {
      // Behind a proxy that sends another Host our own pages are known by what their browser says.
      const isOwn = isOwnOrigin(headers) || headers['sec-fetch-site'] === 'same-origin'
      if (headers.origin !== undefined && !isOwn) logRefusedOrigin(headers.origin)
      return false
    }
    response.setHeader('access-control-allow-origin', origin)
    response.setHeader('access-control-expose-headers', 'retry-after, www-authenticate')
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
