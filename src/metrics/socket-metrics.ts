import type { WebSocketRouteOptions } from '../http/websocket/websocket-route.ts'
import type { Meter } from './meter.ts'

/** The close codes that the gateway sends, and the usual ones of clients and of `ws`. Clients may send any other. */
const knownCodes = new Set([
  1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 4400, 4401, 4403, 4406, 4408, 4409, 4429,
  4500,
])

/** Counts WebSockets. */
export function createSocketMetrics(meter: Meter): WebSocketRouteOptions['onOpen'] {
  const sockets = meter.gauge({ name: 'stemgate_websockets', help: 'Open WebSockets.' })
  const closes = meter.counter({
    name: 'stemgate_websocket_closes_total',
    help: 'WebSockets that were closed, by close code. 1006: without a close frame, as when a network breaks or a client does not answer pings. 4401, 4403: no valid credential. 4408: not initialised in time.',
    labels: ['code'],
  })

  return () => {
    sockets.inc()
    return (code) => {
      sockets.dec()
      closes.inc({ code: knownCodes.has(code) ? String(code) : 'other' })
    }
  }
}
