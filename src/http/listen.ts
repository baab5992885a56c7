import type { Server } from 'node:http'

/** Starts to listen and resolves to the port. Port 0 selects a free one. Rejects if the address is not available. */
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
  if (address === null || typeof address === 'string') throw new TypeError('The server does not listen on a TCP port.')
  return address.port
}
