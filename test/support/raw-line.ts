import { connect, type Socket } from 'node:net'
import type { Ending } from './gateway.ts'

/** A connection on which HTTP is written by hand. */
export interface RawLine {
  readonly socket: Socket
  /** Everything that has come so far. */
  text(): string
  /** The statuses of the answers so far. */
  statuses(): number[]
  /** Resolves to everything that came, when the connection is closed. */
  readonly closed: Promise<string>
}

/** Opens a connection to the gateway at `url`, which ends with the test. */
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
