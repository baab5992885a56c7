import type { IncomingHttpHeaders } from 'node:http'
import type { Log } from '../runtime/log.ts'

/** Logs that pages of an origin are refused: once for each origin, because a page that is refused goes on trying. */
export type LogRefusedOrigin = (origin: string) => void

/** Whoever sends one origin after another fills neither the log nor the memory. */
const maxLoggedOrigins = 100
const maxOriginLength = 300

export function createLogRefusedOrigin(log: Log): LogRefusedOrigin {
  const logged = new Set<string>()
  return function logRefusedOrigin(given) {
    const origin = given.slice(0, maxOriginLength)
    if (logged.has(origin) || logged.size >= maxLoggedOrigins) return
    logged.add(origin)
    log.warn({ origin }, messageFor(origin))
    if (logged.size === maxLoggedOrigins) {
      log.warn({ maxLoggedOrigins }, 'pages of many origins are refused; no other origin is logged until a restart')
    }
  }
}

/** Browsers send `null` for a page that has no origin, and CORS_ORIGINS cannot list it: any page could claim it. */
function messageFor(origin: string): string {
  return origin === 'null'
    ? 'a page without an origin of its own (a local file, or a sandboxed frame) is refused: serve it over HTTP, and list its origin in CORS_ORIGINS'
    : 'pages of this origin are refused: to let them in, list it in CORS_ORIGINS'
}

/** Whether a page came from here: its origin has the host and port that the request was sent to. */
export function isOwnOrigin({ origin, host }: IncomingHttpHeaders): boolean {
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()
}
