import type { IncomingMessage } from 'node:http'
import { isLoopback } from '../runtime/loopback.ts'

/** Headers that a proxy, a tunnel or a content delivery network adds to what it forwards. */
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

/** As Node writes them, with an IPv4 address of a server that listens on IPv6. */
const loopbackAddress = /^(::1|(::ffff:)?127(\.\d{1,3}){3})$/

/**
 * Whether a request comes from this machine: over a loopback address, under a loopback name, and through no proxy that
 * says so. The name alone proves nothing, because a client writes what it likes; the address alone does not either,
 * because of proxies, and of pages that point a name of their own at this machine.
 */
export function isLocalRequest({ headers, socket }: IncomingMessage): boolean {
  return (
    loopbackAddress.test(socket.remoteAddress ?? '') &&
    isLoopback(hostNameOf(headers.host)) &&
    !Object.keys(headers).some((name) => forwardingHeader.test(name))
  )
}

/** The name in a Host header, without the port. */
function hostNameOf(host: string | undefined): string {
  return (host ?? '').replace(/:\d+$/, '')
}
