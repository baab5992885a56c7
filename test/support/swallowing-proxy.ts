import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Ending } from './gateway.ts'

/** A proxy between us and a server that fails as networks do. */
export interface SwallowingProxy {
  readonly port: number
  /** From now on connections are taken and kept, those that there are too, but nothing passes, either way. */
  swallow(): void
  /** Resets every connection. */
  cut(): void
  /** New connections pass again. Those that there were stay as they are: nobody ever hears of them again. */
  heal(): void
}

/** Passes everything on to the port of this machine, until told otherwise; it ends with the test. */
export async function startSwallowingProxy(
  targetPort: number,
  atEnd: Ending = onTestFinished,
): Promise<SwallowingProxy> {
  const sockets = new Set<Socket>()
  let isSwallowing = false
  let swallows = 0
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  }

  const server = createServer((client) => {
    keep(client)
    // What comes is read, so that the sender sees it leave, and is lost.
    if (isSwallowing) return void client.resume()
    const target = connect(targetPort, '127.0.0.1')
    keep(target)
    const before = swallows
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      from.on('data', (bytes) => {
        if (swallows === before) to.write(bytes)
      })
      from.on('close', () => {
        if (swallows === before) to.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  atEnd(async () => {
    cut()
    server.close()
    await once(server, 'close')
  })

  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.')
  return {
    port: address.port,
    swallow() {
      isSwallowing = true
      swallows += 1
    },
    cut,
    heal: () => void (isSwallowing = false),
  }
}
