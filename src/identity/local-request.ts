import type { IncomingMessage } from 'node:http'
import { isLoopback } from '../runtime/loopback.ts'

/** Headers that proxies, tunnels and content delivery networks add to forwarded requests. */
const forwardingHeader = new RegExp(
  [
    'forwarded|via|cdn-loop',
    'x-forwarded(-.+)?|x-original-.+',
    '(x-)?(real|client|cluster-client)-ip|(wl-)?proxy-client-ip',
    // Cloudflare, Fastly, Akamai, Fly.io, Azure, Envoy, App Engine, AWS.
    'cf-.+|(fastly|true|fly)-(connecting-|client-)*ip',
    'x-azure-.+|x-envoy-.+|x-appengine-.+|x-amzn-trace-id',
  ]
    .map((names) => `^(${names})$`)
    .join('|'),
)

/** Loopback addresses as Node formats them, including an IPv4 address on an IPv6 server. */
const loopbackAddress = /^(::1|(::ffff:)?127(\.\d{1,3}){3})$/

/**
 * Whether a request comes from this machine: from a loopback address, for a loopback host name, and without forwarding headers.
 * The host name alone proves nothing, because clients choose it. The address alone proves nothing either, because of local
 * proxies, and of web pages whose host name resolves to this machine.
 */
export function isLocalRequest({ headers, socket }: IncomingMessage): boolean {
  return (
    loopbackAddress.test(socket.remoteAddress ?? '') &&
    isLoopback(hostNameOf(headers.host)) &&
    !Object.keys(headers).some((name) => forwardingHeader.test(name))
  )
}

/** The host name in a Host header, without the port. */
function hostNameOf(host: string | undefined): string {
  return (host ?? '').replace(/:\d+$/, '')
}
