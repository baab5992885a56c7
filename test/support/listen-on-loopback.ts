import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Ending } from './gateway.ts'

/**
 * Lets a server listen on a port of this machine alone, until the end. Resolves to its URL, such as `http://127.0.0.1:4000`.
 * @param backlog how many connections may wait to be accepted
 */
export async function listenOnLoopback(server: Server, atEnd: Ending, backlog?: number): Promise<string> {
  server.listen(0, '127.0.0.1', backlog)
  await once(server, 'listening')
  atEnd(async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
  return `http://127.0.0.1:${address.port}`
}
