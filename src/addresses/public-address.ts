import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** Translates all of IPv4 (NAT64, RFC 6052), so that the IPv4 address within decides. */
const nat64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96')
/** The addresses that IANA gives out for the public Internet. Everything else in IPv6 is special or unassigned. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')

/**
 * Whether an IP address belongs to the public Internet: not to this machine, a private network, a link, a cloud's metadata
 * service, or a block with another purpose. False for anything that is not an IP address.
 */
export function isPublicAddress(address: string): boolean {
  // The library also takes the short forms of old, such as 127.1.
  if (isIP(address) === 0) return false
  // Turns an IPv4-mapped IPv6 address into the IPv4 address, to which the system would connect.
  const parsed = ipaddr.process(address)
  if (parsed instanceof ipaddr.IPv4) return parsed.range() === 'unicast'
  if (parsed.match(nat64)) return isPublicAddress(parsed.toByteArray().slice(12).join('.'))
  return parsed.range() === 'unicast' && parsed.match(globalUnicast)
}
