import type { Server } from 'node:http'

/** Begins to listen; resolves to the port, which is a free one for 0. Rejects if the address cannot be listened on. */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve(portOf(server))
    })
  })
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('A server that listens on a port has one.')
  return address.port
}
