import { once } from 'node:events'
import { connect } from 'node:net'

export interface Answer {
  readonly status: number
  readonly body: Buffer
}

/** A kept-alive connection that parses just enough of HTTP, so that the load costs less than any server. */
export interface Connection {
  /** Sends a request as it is. Only when the one before was answered. */
  send(request: Buffer, onAnswer: (answer: Answer) => void): void
  close(): void
}

const endOfHead = '\r\n\r\n'
const endOfChunks = Buffer.from('0\r\n\r\n')

/** @param onBreak called if the connection ends before `close` */
export async function openConnection(url: string, onBreak: (error: Error) => void): Promise<Connection> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  let isClosed = false
  let received: Buffer = Buffer.alloc(0)
  let onAnswer: ((answer: Answer) => void) | null = null
  socket.on('error', () => {})
  socket.once('close', () => {
    if (!isClosed) onBreak(new Error('The server has closed a connection.'))
  })
  socket.on('data', (bytes: Buffer) => {
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes])
    const answer = parseAnswer(received)
    if (answer === null) return
    received = Buffer.alloc(0)
    const tell = onAnswer
    onAnswer = null
    tell?.(answer)
  })
  return {
    send(request, then) {
      onAnswer = then
      socket.write(request)
    },
    close() {
      isClosed = true
      socket.destroy()
    },
  }
}

/** null as long as something is missing. */
function parseAnswer(bytes: Buffer): Answer | null {
  const headLength = bytes.indexOf(endOfHead)
  if (headLength < 0) return null
  const head = bytes.toString('latin1', 0, headLength)
  const status = Number(head.slice(9, 12))
  const bodyAt = headLength + endOfHead.length
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) {
    const end = bodyAt + Number(length)
    return bytes.length < end ? null : { status, body: bytes.subarray(bodyAt, end) }
  }
  if (status === 204) return { status, body: Buffer.alloc(0) }
  return bytes.subarray(-endOfChunks.length).equals(endOfChunks) ? { status, body: bytes.subarray(bodyAt) } : null
}

/** The bytes of a POST with a body of JSON. */
export function postRequest(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Buffer {
  const text = JSON.stringify(body)
  const all = {
    host: '127.0.0.1',
    'content-type': 'application/json',
    accept: 'application/json',
    ...headers,
    'content-length': String(Buffer.byteLength(text)),
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`)
}
