import type { IncomingHttpHeaders } from 'node:http'
import { isLoopback } from '../config.ts'
import type { Caller } from '../graphql/context.ts'

/** Tells who asks, or why nobody is let in. */
export type Callers = (headers: IncomingHttpHeaders) => Caller | { readonly refusal: string }

/** Whoever sends one of these has it from a proxy or a tunnel. */
const forwardingHeader =
  /^(x-forwarded(-.+)?|forwarded|via|(x-)?(real|client|cluster-client)-ip|(cf|fastly|true|fly)-(connecting-|client-)*ip)$/

/**
 * While no callers are configured, whoever is on this machine is the one caller `anonymous`, and nobody else is let in: a
 * tunnel that was opened for callbacks must not open the purse, nor a page that points a name of its own at this machine.
 */
export function createCallers({ allowAnonymous }: { readonly allowAnonymous: boolean }): Callers {
  return function callerOf(headers) {
    const isFromHere =
      isLoopback(hostNameOf(headers.host)) && !Object.keys(headers).some((name) => forwardingHeader.test(name))
    if (allowAnonymous || isFromHere) return { owner: 'anonymous' }
    return {
      refusal:
        'This gateway answers GraphQL on its own machine alone, under http://localhost or http://127.0.0.1, and not ' +
        'through a proxy or a tunnel. To let everybody in who reaches it, its operator sets ALLOW_ANONYMOUS=true.',
    }
  }
}

/** The name in a Host header, without the port. */
function hostNameOf(host: string | undefined): string {
  return (host ?? '').replace(/:\d+$/, '')
}
