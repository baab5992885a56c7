import { randomBytes } from 'node:crypto'
import type { WebSocket } from 'ws'
import { createSweep } from '../sweep.ts'

/** Pings all sockets with one timer, and terminates those that do not answer. */
export interface PingSweep {
  /** Pings the socket until it closes. */
  add(ws: WebSocket): void
}

/** How often each socket is pinged. One that has not answered by then is terminated. */
const intervalMs = 12_000

export function createPingSweep(): PingSweep {
  const sweep = createSweep(intervalMs, ping)
  /** What a pong must repeat. The bytes are random: they prove that the client has read the ping. */
  const unanswered = new WeakMap<WebSocket, string>()

  function ping(ws: WebSocket): void {
    if (unanswered.has(ws)) return ws.terminate()
    const bytes = randomBytes(8)
    unanswered.set(ws, bytes.toString('base64'))
    ws.ping(bytes)
  }

  return {
    add(ws) {
      ws.once('close', sweep.add(ws))
      ws.on('pong', (payload) => {
        if (unanswered.get(ws) === payload.toString('base64')) unanswered.delete(ws)
      })
    },
  }
}
