import { once } from 'node:events'
import { connect } from 'node:net'

/** A frame of RFC 6455, right or wrong. */
export interface Frame {
  readonly opcode: number
  readonly isLast: boolean
  readonly isMasked: boolean
  /** The three reserved bits. */
  readonly reserved: number
  /** The length that its head says; null: the payload's. */
  readonly saidLength: number | null
  readonly payload: Buffer
}

export interface Heard {
  /** The status of the upgrade's answer. */
  readonly status: number
  /** The kinds of the messages, and how it ended. */
  readonly verdicts: readonly string[]
  readonly text: string
}

export interface RawSocket {
  /** Sends the frames; resolves to all that came, when the other side has closed or has answered our last words. */
  talk(frames: readonly Frame[], hangsUp: boolean): Promise<Heard>
}

/** A WebSocket of which every byte is written by us. */
export async function openRawSocket(options: {
  readonly url: string
  readonly protocol: string | null
  readonly from: string
}): Promise<RawSocket> {
  const { hostname, port, host } = new URL(options.url)
  const socket = connect({ host: hostname, port: Number(port), localAddress: options.from })
  let received = Buffer.alloc(0)
  socket.on('error', () => {})
  const closed = once(socket, 'close').catch(() => {})
  socket.on('data', (data: Buffer) => {
    received = Buffer.concat([received, data])
    socket.emit('received')
  })
  const isClosed = () => socket.destroyed || socket.readableEnded
  const until = async (isSo: () => boolean) => {
    while (!isSo() && !isClosed()) await Promise.race([once(socket, 'received'), closed])
  }
  await Promise.race([once(socket, 'connect'), closed])
  const protocol = options.protocol === null ? '' : `Sec-WebSocket-Protocol: ${options.protocol}\r\n`
  socket.write(
    `GET /graphql HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${protocol}` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  const headEnd = () => received.indexOf('\r\n\r\n')
  await until(() => headEnd() >= 0)

  return {
    async talk(frames, hangsUp) {
      for (const frame of frames) if (!isClosed()) socket.write(bytesOf(frame))
      if (!isClosed()) {
        // The last words are answered, unless a frame before them has swallowed them, or closed the socket.
        const isSwallowed = frames.some(({ saidLength, payload }) => saidLength !== null && saidLength > payload.length)
        socket.write(bytesOf({ ...goodbye, payload: lastWords }))
        if (hangsUp || isSwallowed) socket.end()
        else await until(() => messagesIn(received.subarray(headEnd() + 4)).some(isAnswerToLastWords))
      }
      if (hangsUp) await closed
      socket.destroy()
      const start = headEnd() + 4
      const head = received.subarray(0, start).toString('latin1')
      const messages = messagesIn(received.subarray(start))
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0)
      return {
        status,
        verdicts: [...(status === 101 ? [] : [`upgrade ${status}`]), ...messages.map(verdictOf), 'socket ended'],
        text: `${head}${messages.map(({ payload }) => payload.toString('utf8')).join('\n')}`,
      }
    },
  }
}

const goodbye = { opcode: 1, isLast: true, isMasked: true, reserved: 0, saidLength: null } as const
const lastId = 'the last words'
const lastWords = Buffer.from(JSON.stringify({ type: 'subscribe', id: lastId, payload: { query: '{ __typename }' } }))

interface Message {
  readonly opcode: number
  readonly payload: Buffer
}

function isAnswerToLastWords({ opcode, payload }: Message): boolean {
  return opcode === 8 || (opcode === 1 && payload.includes(`"${lastId}"`) && payload.includes('"complete"'))
}

function verdictOf({ opcode, payload }: Message): string {
  if (opcode === 8) return `closed ${payload.length >= 2 ? payload.readUInt16BE(0) : 'without a code'}`
  if (opcode === 10) return 'pong frame'
  return opcode === 1 ? (/"type":"(\w+)"/.exec(payload.toString())?.[1] ?? 'no message') : `opcode ${opcode}`
}

/** The server's frames: never masked, never fragmented. */
function messagesIn(bytes: Buffer): readonly Message[] {
  const messages: Message[] = []
  let at = 0
  while (at + 2 <= bytes.length) {
    const short = (bytes[at + 1] ?? 0) & 0x7f
    const headLength = short === 126 ? 4 : short === 127 ? 10 : 2
    if (at + headLength > bytes.length) break
    const length =
      short === 126 ? bytes.readUInt16BE(at + 2) : short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short
    const end = at + headLength + length
    if (end > bytes.length) break
    messages.push({ opcode: (bytes[at] ?? 0) & 0x0f, payload: bytes.subarray(at + headLength, end) })
    at = end
  }
  return messages
}

function bytesOf({ opcode, isLast, isMasked, reserved, saidLength, payload }: Frame): Buffer {
  const length = saidLength ?? payload.length
  const mask = isMasked ? Buffer.from([0x5a, 0xa5, 0x3c, 0xc3]) : Buffer.alloc(0)
  const first = (isLast ? 0x80 : 0) | (reserved << 4) | opcode
  const flag = isMasked ? 0x80 : 0
  let head: Buffer
  if (length < 126) head = Buffer.from([first, flag | length])
  else if (length < 65_536) head = Buffer.from([first, flag | 126, length >> 8, length & 0xff])
  else {
    head = Buffer.alloc(10)
    head[0] = first
    head[1] = flag | 127
    head.writeBigUInt64BE(BigInt(length), 2)
  }
  const masked = isMasked ? payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)) : payload
  return Buffer.concat([head, mask, masked])
}
