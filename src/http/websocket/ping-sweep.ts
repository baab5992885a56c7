import { randomBytes } from 'node:crypto'
import type { WebSocket } from 'ws'

/** Pings all sockets with one timer, and terminates those that do not answer. */
export interface PingSweep {
  /** Pings the socket until it closes. */
  add(ws: WebSocket): void
}

/** How often each socket is pinged. One that has not answered by then is terminated. */
const intervalMs = 12_000
/** The sockets are pinged in as many groups, so that no thousands are pinged at once. */
const groups = 48

export function createPingSweep(): PingSweep {
  const sweep = Array.from({ length: groups }, () => new Set<WebSocket>())
  /** What a pong must repeat. The bytes are random: they prove that the client has read the ping. */
  const unanswered = new WeakMap<WebSocket, string>()
  let turn = 0
  let sockets = 0
  let timer: NodeJS.Timeout | undefined

  function pingNextGroup(): void {
    turn = (turn + 1) % groups
    for (const ws of sweep[turn] ?? []) ping(ws)
  }

  function ping(ws: WebSocket): void {
    if (unanswered.has(ws)) return ws.terminate()
    const bytes = randomBytes(8)
    unanswered.set(ws, bytes.toString('base64'))
    ws.ping(bytes)
  }

  return {
    add(ws) {
      // The group that was pinged last: it is the first ping of the socket that comes after a whole interval.
      const group = sweep[turn]
      group?.add(ws)
      sockets += 1
      timer ??= setInterval(pingNextGroup, intervalMs / groups).unref()
      ws.on('pong', (payload) => {
        if (unanswered.get(ws) === payload.toString('base64')) unanswered.delete(ws)
      })
      ws.once('close', () => {
        group?.delete(ws)
        sockets -= 1
        if (sockets > 0) return
        clearInterval(timer)
        timer = undefined
      })
    },
  }
}
