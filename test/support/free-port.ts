import { once } from 'node:events'
import { createServer } from 'node:net'

/** A port that nobody has now, nor gets by chance while its owner is away: the system gives out higher ones. */
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
