import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Socket } from 'node:net'

/** The address of the stalled subscribers, by which the gateway's process identifies them. */
export const stuckAddress = '127.0.0.2'

/** What the gateway keeps for the stuck readers, beside what the system's own buffers hold. */
export interface Unread {
  readonly open: number
  /** How many of them have filled the system's buffers. */
  readonly holding: number
  readonly bytes: number
  readonly mostBytes: number
  /** Those that the gateway itself has closed since it was last asked. */
  readonly closed: readonly { readonly unreadBytes: number; readonly ageMs: number }[]
}

/** Watches the sockets that this process opens from now on, until it is stopped. */
export function watchUnread(): { readonly look: () => Unread; readonly stop: () => void } {
  const sockets = new Set<Socket>()
  let closed: { unreadBytes: number; ageMs: number }[] = []

  function watch(message: unknown): void {
    if (typeof message !== 'object' || message === null || !('socket' in message)) return
    const { socket } = message
    if (!(socket instanceof Socket) || socket.remoteAddress !== stuckAddress) return
    const sinceMs = performance.now()
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    const destroy = socket.destroy.bind(socket)
    // The moment itself, since afterwards nothing is unread. An error is its other side's doing.
    socket.destroy = (error) => {
      if (error === undefined && !socket.destroyed && !socket.readableEnded) {
        closed.push({ unreadBytes: socket.writableLength, ageMs: performance.now() - sinceMs })
      }
      return destroy(error)
    }
  }

  function look(): Unread {
    const unread = [...sockets].map(({ writableLength }) => writableLength)
    const report = closed
    closed = []
    return {
      open: sockets.size,
      holding: unread.filter((bytes) => bytes > 0).length,
      bytes: unread.reduce((sum, bytes) => sum + bytes, 0),
      mostBytes: unread.reduce((most, bytes) => Math.max(most, bytes), 0),
      closed: report,
    }
  }

  subscribe('net.server.socket', watch)
  return { look, stop: () => void unsubscribe('net.server.socket', watch) }
}
