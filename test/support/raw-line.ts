import { connect, type Socket } from 'node:net'
import type { Ending } from './gateway.ts'

/** A connection for handwritten HTTP. */
export interface RawLine {
  readonly socket: Socket
  /** Everything received so far. */
  text(): string
  /** The status codes received so far. */
  statuses(): number[]
  /** Resolves to everything received once the connection is closed. */
  readonly closed: Promise<string>
}

/** Opens a connection to the gateway at `url`; it closes with the test. */
export function openLine(url: string, atEnd: Ending): RawLine {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  atEnd(() => void socket.destroy())
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (bytes) => (text += String(bytes)))
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(text)))
  return {
    socket,
    closed,
    text: () => text,
    statuses: () => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status)),
  }
}
