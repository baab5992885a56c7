import type { SocketObserver, SocketRefusal } from '../http/websocket/websocket-route.ts'
import type { Meter } from './meter.ts'

/** The close codes that the gateway sends, and the usual ones of clients and of `ws`. Clients may send any other. */
const knownCodes = new Set([
  1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 4400, 4401, 4403, 4406, 4408, 4409, 4429,
  4500,
])

const refusalReasons = ['access', 'too-many', 'origin'] as const satisfies readonly SocketRefusal[]

/** Counts WebSockets. */
export function createSocketMetrics(meter: Meter): SocketObserver {
  const sockets = meter.gauge({ name: 'stemgate_websockets', help: 'Open WebSockets.' })
  const closes = meter.counter({
    name: 'stemgate_websocket_closes_total',
    help: 'WebSockets that were closed, by close code. 1006: without a close frame, as when a network breaks or a client does not answer pings. 4401, 4403: no valid credential. 4408: not initialised in time.',
    labels: ['code'],
  })
  const refusals = meter.counter({
    name: 'stemgate_websocket_refusals_total',
    help: 'Handshakes of WebSockets that were refused with 403. access: from where callers may not connect. too-many: more than SOCKETS_PER_ADDRESS. origin: a page that CORS_ORIGINS does not list.',
    labels: ['reason'],
  })
  // A counter that begins with its first event hides that event from increase().
  for (const reason of refusalReasons) refusals.inc({ reason }, 0)

  return {
    opened() {
      sockets.inc()
      return (code) => {
        sockets.dec()
        closes.inc({ code: knownCodes.has(code) ? String(code) : 'other' })
      }
    },
    refused: (reason) => refusals.inc({ reason }),
  }
}
