import type { Plugin } from 'graphql-yoga'

/** How long a browser need not ask again, in seconds. */
const maxAgeSeconds = 600

/** CORS for pages of these origins, and not a word to any other. Credentials are never allowed: nothing of ours is a cookie. */
export function allowOrigins(origins: readonly string[]): Plugin {
  const allowedOf = ({ headers }: Request) => origins.find((origin) => origin === headers.get('origin'))
  const isPreflight = ({ method, headers }: Request) =>
    method === 'OPTIONS' && headers.has('access-control-request-method')

  return {
    onRequest({ request, fetchAPI, endResponse }) {
      if (isPreflight(request) && allowedOf(request) !== undefined) {
        endResponse(new fetchAPI.Response(null, { status: 204 }))
      }
    },
    onResponse({ request, response }) {
      if (origins.length > 0) response.headers.append('vary', 'Origin')
      const origin = allowedOf(request)
      if (origin === undefined) return
      response.headers.set('access-control-allow-origin', origin)
      if (!isPreflight(request)) return
      response.headers.set('access-control-allow-methods', 'GET, POST')
      response.headers.set(
        'access-control-allow-headers',
        request.headers.get('access-control-request-headers') ?? 'content-type',
      )
      response.headers.set('access-control-max-age', String(maxAgeSeconds))
    },
  }
}
