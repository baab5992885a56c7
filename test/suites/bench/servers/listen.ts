import type { Server } from 'node:http'

/** Listens on a free port of this machine and writes the address as the gateway does. */
export function listen(server: Server): void {
  server.listen(0, '127.0.0.1', 4_096, () => {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
    process.stdout.write(`listening at http://127.0.0.1:${address.port}\n`)
  })
  process.once('SIGTERM', () => process.exit(0))
}
