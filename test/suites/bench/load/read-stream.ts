import { connect, type Socket } from 'node:net'

/** A file that is being read. */
export interface FileStream {
  /** Milliseconds from the request to the first byte of the answer. */
  readonly firstByteMs: Promise<number>
  /** The bytes of the whole answer, once the server has ended it. */
  readonly bytes: Promise<number>
  readonly socket: Socket
}

/** Reads a file by GET on a connection of its own, and keeps nothing of it. */
export function readStream(url: string): FileStream {
  const { hostname, port, pathname, host } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  const startedAtMs = performance.now()
  const firstByteMs = new Promise<number>((resolve) => {
    socket.once('data', () => resolve(performance.now() - startedAtMs))
  })
  let count = 0
  const bytes = new Promise<number>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => (count += chunk.length))
    socket.once('error', reject)
    socket.once('close', () => resolve(count))
  })
  return { firstByteMs, bytes, socket }
}
