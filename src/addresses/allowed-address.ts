import { isIP } from 'node:net'
import { isPublicAddress } from './public-address.ts'

/** How an address may be fetched: only if it is public, or at any address; null: not at all. */
export type Permission = 'public' | 'any' | null

/** Says how the gateway may fetch from a URL. */
export interface AddressRule {
  /** For the address that a provider has named. */
  ofNamed(url: URL): Permission
  /** For the address to which the file server at `from` redirects. `named` is where the provider's address began. */
  ofRedirect(url: URL, from: URL, named: URL): Permission
}

/**
 * The rule: only the host that the provider named, and redirects to that host and its subdomains, never from https to http.
 * @param allowedHosts `host` or `host:port`, in lower case: they may have private addresses, and redirects may lead to them
 */
export function createAddressRule(allowedHosts: readonly string[]): AddressRule {
  const isListed = ({ hostname, host }: URL) => allowedHosts.includes(hostname) || allowedHosts.includes(host)

  function ofNamed(url: URL): Permission {
    if (url.protocol !== 'https:' && url.protocol !== 'http:') return null
    if (isListed(url)) return 'any'
    // The URL parser has turned every spelling of an IPv4 address into four numbers.
    const literal = url.hostname.replace(/^\[(.*)\]$/, '$1')
    return isIP(literal) === 0 || isPublicAddress(literal) ? 'public' : null
  }

  return {
    ofNamed,
    ofRedirect(url, from, named) {
      if (from.protocol === 'https:' && url.protocol !== 'https:') return null
      const isSameSite = url.hostname === named.hostname || url.hostname.endsWith(`.${named.hostname}`)
      return isSameSite || isListed(url) ? ofNamed(url) : null
    },
  }
}
