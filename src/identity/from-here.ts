import type { IncomingHttpHeaders } from 'node:http'

/** Whoever sends one of these has it from a proxy or a tunnel. */
const forwardingHeader =
  /^(x-forwarded(-.+)?|forwarded|via|(x-)?(real|client|cluster-client)-ip|(cf|fastly|true|fly)-(connecting-|client-)*ip)$/

/** Whether a request comes to this machine by a loopback name, and through nothing in between. */
export function isFromHere(headers: IncomingHttpHeaders): boolean {
  return isLoopback(hostNameOf(headers.host)) && !Object.keys(headers).some((name) => forwardingHeader.test(name))
}

/** The name in a Host header, without the port. */
function hostNameOf(host: string | undefined): string {
  return (host ?? '').replace(/:\d+$/, '')
}

/** Whether a host name or address names this machine alone. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host)
}
