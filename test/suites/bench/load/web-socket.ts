import { connect, type Socket } from 'node:net'
import { credential } from '../servers/bench-gateway.ts'

/** A client of the graphql-ws protocol that parses frames and nothing else, so that the load costs less than any server. */
export interface BenchSocket {
  /** Begins to watch a task. What comes from now on belongs to it. */
  subscribe(query: string, taskId: string): void
  close(): void
}

export interface BenchSocketOptions {
  readonly url: string
  /** A number from 0: sockets come from several addresses, because each has a limited number of ports. */
  readonly nth: number
  /** Takes the JSON of each message after the acknowledgement. It is valid only during the call. */
  readonly onMessage: (json: Buffer) => void
  readonly onBreak: (error: Error) => void
}

const textOpcode = 0x1
const pingOpcode = 0x9
const pongOpcode = 0xa
const addresses = 8
/** All sockets are read into it one after the other, so that ten thousand of them need no buffers of their own. */
const shared = Buffer.alloc(256 * 1024)

/** Resolves when the server has acknowledged the connection. */
export function openBenchSocket({ url, nth, onMessage, onBreak }: BenchSocketOptions): Promise<BenchSocket> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let rest: Buffer | null = null
    let isUpgraded = false
    let isOpen = false
    let isClosed = false
    const socket: Socket = connect({
      host: hostname,
      port: Number(port),
      localAddress: `127.0.0.${2 + (nth % addresses)}`,
      noDelay: true,
      onread: {
        buffer: shared,
        callback(length) {
          const bytes = shared.subarray(0, length)
          const left = take(rest === null ? bytes : Buffer.concat([rest, bytes]))
          // A copy: the buffer is the next socket's.
          rest = left.length === 0 ? null : Buffer.from(left)
          return true
        },
      },
    })
    const fail = (error: Error) => (isOpen ? onBreak(error) : reject(error))
    socket.once('error', fail)
    socket.once('close', () => {
      if (!isClosed) fail(new Error('The server has closed a socket.'))
    })
    socket.write(
      `GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n`,
    )
    socket.write(frame(textOpcode, Buffer.from(JSON.stringify({ type: 'connection_init', payload: credential }))))

    /** Takes what is whole; returns the rest. */
    function take(bytes: Buffer): Buffer {
      let from = 0
      if (!isUpgraded) {
        const end = bytes.indexOf('\r\n\r\n')
        if (end < 0) return bytes
        const head = bytes.toString('latin1', 0, end)
        if (!head.startsWith('HTTP/1.1 101')) socket.destroy(new Error(`The server refused a socket: ${head}`))
        isUpgraded = true
        from = end + 4
      }
      for (;;) {
        if (bytes.length < from + 2) break
        const opcode = (bytes[from] ?? 0) & 0x0f
        let length = bytes[from + 1] ?? 0
        let payloadAt = from + 2
        if (length === 126) {
          if (bytes.length < from + 4) break
          length = bytes.readUInt16BE(from + 2)
          payloadAt = from + 4
        } else if (length === 127) {
          if (bytes.length < from + 10) break
          length = bytes.readUInt32BE(from + 6)
          payloadAt = from + 10
        }
        if (bytes.length < payloadAt + length) break
        from = payloadAt + length
        const payload = bytes.subarray(payloadAt, from)
        if (opcode === pingOpcode) socket.write(frame(pongOpcode, payload))
        else if (opcode !== textOpcode) continue
        else if (isOpen) onMessage(payload)
        else if (payload.includes('connection_ack')) {
          isOpen = true
          resolve(opened)
        }
      }
      return bytes.subarray(from)
    }

    let subscriptions = 0
    const opened: BenchSocket = {
      subscribe(query, taskId) {
        const message = { id: String(++subscriptions), type: 'subscribe', payload: { query, variables: { taskId } } }
        socket.write(frame(textOpcode, Buffer.from(JSON.stringify(message))))
      },
      close() {
        isClosed = true
        socket.destroy()
      },
    }
  })
}

/** A client's frame, masked with zeros. */
function frame(opcode: number, payload: Buffer): Buffer {
  const isShort = payload.length < 126
  const head = Buffer.alloc(isShort ? 6 : 8)
  head[0] = 0x80 | opcode
  head[1] = 0x80 | (isShort ? payload.length : 126)
  if (!isShort) head.writeUInt16BE(payload.length, 2)
  return Buffer.concat([head, payload])
}
