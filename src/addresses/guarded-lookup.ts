import { lookup, type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { isPublicAddress } from './public-address.ts'

/** A host has no public address, so that nothing connects to it. */
export class PrivateAddressError extends Error {
  override readonly name = 'PrivateAddressError'
  constructor(host: string) {
    super(`${host} has no public address.`)
  }
}

/** Resolves a host name as `dns.lookup` does. */
export type Resolve = (
  host: string,
  options: { readonly all: true; readonly family?: number; readonly hints?: number },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/**
 * Creates a lookup for sockets that finds public addresses only. A socket connects to what its lookup returns, so a name that
 * has another address by now (DNS rebinding) gains nothing. Node calls no lookup for an IP address: check these before.
 */
export function createGuardedLookup(resolve: Resolve = lookup): LookupFunction {
  return function guardedLookup(host, options, callback) {
    const family = options.family === 'IPv4' ? 4 : options.family === 'IPv6' ? 6 : (options.family ?? 0)
    resolve(host, { all: true, family, hints: options.hints ?? 0 }, (error, found) => {
      if (error !== null) return callback(error, '', 0)
      const addresses = found.filter(({ address }) => isPublicAddress(address))
      const [first] = addresses
      if (first === undefined) return callback(new PrivateAddressError(host), '', 0)
      if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}
