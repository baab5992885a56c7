import { connect, type Socket } from 'node:net'
import { stuckAddress } from './unread.ts'

/** A hundred aliases of what may be long: the longest answer that one subscription is given. */
const query = `subscription ($taskId: ID!) { separationUpdated(taskId: $taskId) { ${Array.from({ length: 50 }, (_, nth) => `a${nth}: audioId m${nth}: musicTaskId`).join(' ')} } }`

/** A subscriber that sends requests and never reads a response. */
export interface StuckReader {
  /** How many answers it has asked for. */
  asked(): number
  /** Asks for one more. */
  ask(taskId: string): void
  /** Sends a ping, as a client would to stay connected without reading. */
  claimToLive(): void
  close(): void
}

export interface StuckReaderOptions {
  readonly gateway: string
  /** Reads after all, for comparison. */
  readonly reads: boolean
  readonly onClose: () => void
}

/** Opens a WebSocket by hand, since a library would read; resolves when it is let in, after which it reads nothing. */
export function openStuckWebSocket({ gateway, reads, onClose }: StuckReaderOptions): Promise<StuckReader> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(gateway)
    let report = ''
    let asked = 0
    let isLetIn = false
    const buffer = Buffer.alloc(4_096)
    const socket: Socket = connect({
      host: hostname,
      port: Number(port),
      localAddress: stuckAddress,
      // Read straight into this, so that no stream reads ahead after it has been told to stop.
      onread: {
        buffer,
        callback(bytes) {
          if (isLetIn) return true
          report += buffer.toString('latin1', 0, bytes)
          if (!report.startsWith('HTTP/1.1 101')) socket.destroy(new Error(`The gateway refused: ${report}`))
          if (!report.includes('connection_ack')) return true
          isLetIn = true
          resolve(reader)
          return reads
        },
      },
    })
    const reader: StuckReader = {
      asked: () => asked,
      ask(taskId) {
        const payload = { query, variables: { taskId } }
        socket.write(frame(textOpcode, JSON.stringify({ id: String(asked++), type: 'subscribe', payload })))
      },
      claimToLive: () => void socket.write(frame(pongOpcode, '')),
      close: () => void socket.resetAndDestroy(),
    }
    socket.on('error', reject)
    socket.once('close', onClose)
    socket.write(
      `GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n`,
    )
    socket.write(frame(textOpcode, JSON.stringify({ type: 'connection_init' })))
  })
}

const textOpcode = 0x1
const pongOpcode = 0xa

/** A client's frame, masked with zeros. */
function frame(opcode: number, text: string): Buffer {
  const payload = Buffer.from(text)
  const head = payload.length < 126 ? Buffer.alloc(6) : Buffer.alloc(8)
  head[0] = 0x80 | opcode
  head[1] = 0x80 | Math.min(payload.length, 126)
  if (payload.length >= 126) head.writeUInt16BE(payload.length, 2)
  return Buffer.concat([head, payload])
}
