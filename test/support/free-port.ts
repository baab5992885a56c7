import { once } from 'node:events'
import { createServer } from 'node:net'

/** A free port that the system does not assign by itself while its owner is down: the system assigns higher ones. */
export async function freePort(): Promise<number> {
  const port = 20_000 + Math.floor(Math.random() * 10_000)
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  } catch {
    return freePort()
  }
  server.close()
  await once(server, 'close')
  return port
}
