import type { Socket } from 'node:net'

/** How many sockets each address has open. */
export interface SocketPlaces {
  /** Takes a place until the socket closes; false if its address has taken all of its own. */
  take(socket: Socket): boolean
}

/** So many for each address. */
export function createSocketPlaces(perAddress: number): SocketPlaces {
  const taken = new Map<string, number>()

  return {
    take(socket) {
      const address = socket.remoteAddress ?? ''
      const count = taken.get(address) ?? 0
      if (count >= perAddress) return false
      taken.set(address, count + 1)
      socket.once('close', () => {
        const left = (taken.get(address) ?? 1) - 1
        if (left > 0) taken.set(address, left)
        else taken.delete(address)
      })
      return true
    },
  }
}
