import type { IncomingMessage } from 'node:http'
import { LRUCache } from 'lru-cache'

const maxHosts = 100

/**
 * Returns a function that tells whether Yoga can build a URL from a request. If it cannot, the client made the mistake. Clients
 * repeat one URL, and parsing it takes longer than looking it up.
 */
export function createHostCheck(): (request: IncomingMessage) => boolean {
  const results = new LRUCache<string, boolean>({ max: maxHosts })

  return function hasValidHost({ headers: { host }, url = '' }) {
    if (host === undefined) return true
    // A URL with a query string is seldom repeated.
    if (url !== '/graphql') return URL.canParse(`http://${host}${url}`)
    const known = results.get(host)
    if (known !== undefined) return known
    const isValid = URL.canParse(`http://${host}${url}`)
    results.set(host, isValid)
    return isValid
  }
}
