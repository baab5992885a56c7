import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Ending } from './gateway.ts'

/** Something in front of gateways that passes connections on, as deploy/nginx.conf does requests. */
export interface LoadBalancer {
  readonly url: string
  readonly counts: {
    /** How often a gateway refused a connection, and the next one was tried. */
    readonly skipped: number
    /** How many connections no gateway took. */
    readonly rejectedCallers: number
  }
}

/**
 * Passes each connection on to the port that has the fewest, or to the next one if it is refused there. What was sent once
 * is never sent again: only a connection that was taken is given anything. It ends with the test.
 */
export async function startLoadBalancer(
  ports: readonly number[],
  atEnd: Ending = onTestFinished,
): Promise<LoadBalancer> {
  const counts = { skipped: 0, rejectedCallers: 0 }
  const sockets = new Set<Socket>()
  const taken = new Map(ports.map((port) => [port, 0]))
  const busy = (port: number) => taken.get(port) ?? 0

  const server = createServer({ allowHalfOpen: true }, (client) => {
    keep(client)
    void passOn(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The load balancer has no port.')
  atEnd(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  })

  async function passOn(client: Socket): Promise<void> {
    for (const port of ports.toSorted((one, other) => busy(one) - busy(other))) {
      // Counted from the beginning, so that those who come together do not all go to one.
      taken.set(port, busy(port) + 1)
      const gateway = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      gateway.once('close', () => taken.set(port, busy(port) - 1))
      keep(gateway)
      if (await isTaken(gateway)) return join(client, gateway)
      counts.skipped += 1
    }
    counts.rejectedCallers += 1
    client.resetAndDestroy()
  }

  function keep(socket: Socket): void {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  }

  return { url: `http://127.0.0.1:${address.port}`, counts }
}

function isTaken(gateway: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    gateway.once('connect', () => resolve(true))
    gateway.once('close', () => resolve(false))
  })
}

/** Each sees of the other what it does: its bytes, its end, its reset. */
function join(client: Socket, gateway: Socket): void {
  for (const [from, to] of [
    [client, gateway],
    [gateway, client],
  ] as const) {
    from.pipe(to)
    from.once('error', () => to.resetAndDestroy())
    from.once('close', () => {
      if (!from.readableEnded) to.destroy()
    })
    if (from.destroyed) to.destroy()
  }
}
