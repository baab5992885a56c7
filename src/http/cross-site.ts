import type { IncomingMessage } from 'node:http'

/**
 * Whether a browser sends the request for a page of another origin that is not in CORS_ORIGINS. Only a GET needs this test:
 * before a POST of JSON the browser sends a preflight (CORS). Only browsers send `Sec-Fetch-Site`, and only a browser lets a
 * foreign page reach a gateway that the page's author cannot reach. `same-site` is another origin too: another port of this
 * machine, or another subdomain.
 */
export function isFromForeignPage({ headers }: IncomingMessage, corsOrigins: readonly string[]): boolean {
  const site = headers['sec-fetch-site']
  if (site === undefined || site === 'same-origin' || site === 'none') return false
  return headers.origin === undefined || !corsOrigins.includes(headers.origin)
}
