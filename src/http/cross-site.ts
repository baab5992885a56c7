import type { IncomingMessage } from 'node:http'

/**
 * Whether a page of another origin has its visitor's browser ask, without that origin being listed. Only a GET needs the
 * question: for a POST of JSON the browser itself asks us first (CORS). Only browsers send `Sec-Fetch-Site`, and only
 * they carry somebody else's page to where the page could not come by itself. `same-site` is another origin too: another
 * port of this machine, or a neighbour's subdomain.
 */
export function isFromForeignPage({ headers }: IncomingMessage, corsOrigins: readonly string[]): boolean {
  const site = headers['sec-fetch-site']
  if (site === undefined || site === 'same-origin' || site === 'none') return false
  return headers.origin === undefined || !corsOrigins.includes(headers.origin)
}
