import type { IncomingHttpHeaders } from 'node:http'
import type { Log } from '../runtime/log.ts'

/** Logs that pages of an origin are refused: once for each origin, because a refused page keeps trying. */
export type LogRefusedOrigin = (origin: string) => void

/** Protects the log and the memory from a client that invents origins. */
const maxLoggedOrigins = 100
const maxOriginLength = 300

export function createLogRefusedOrigin(log: Log): LogRefusedOrigin {
  const logged = new Set<string>()
  return function logRefusedOrigin(header) {
    const origin = header.slice(0, maxOriginLength)
    if (logged.has(origin) || logged.size >= maxLoggedOrigins) return
    logged.add(origin)
    log.warn({ event: 'origin.refused', origin }, messageFor(origin))
    if (logged.size === maxLoggedOrigins) {
      log.warn(
        { event: 'origin.refused', maxLoggedOrigins },
        'pages of many origins were refused; no more origins are logged until a restart',
      )
    }
  }
}

/** Browsers send `null` for a page without an origin. CORS_ORIGINS cannot list `null`, because any page can cause it. */
function messageFor(origin: string): string {
  return origin === 'null'
    ? 'pages without an origin (local files, sandboxed frames) are refused: serve the page over HTTP and add its origin to CORS_ORIGINS'
    : 'pages of this origin are refused: add it to CORS_ORIGINS to allow them'
}

/** Whether the page comes from this gateway: its origin has the host and port of the request's Host header. */
export function isOwnOrigin({ origin, host }: IncomingHttpHeaders): boolean {
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()
}
