import { connect } from 'node:net'

export interface RawRequest {
  readonly port: number
  /** An address of this machine's from which it is sent: any of 127.0.0.0/8. */
  readonly from: string
  readonly bytes: Buffer
  /** Whether our side of the line is closed behind it, as by who has gone. */
  readonly hangsUp: boolean
}

/** After this without a whole answer our side of the line is closed, which makes the server say what it thinks. */
const patienceMs = 150

/** Sends bytes over a connection of their own; resolves to what came back until the answer was whole, or the line closed. */
export function sendRaw({ port, from, bytes, hangsUp }: RawRequest): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress: from, allowHalfOpen: true })
    let text = ''
    const timer = setTimeout(() => socket.end(), patienceMs)
    const end = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(text)
    }
    socket.setEncoding('latin1')
    socket.once('connect', () => {
      socket.write(bytes)
      if (hangsUp) socket.end()
    })
    socket.on('data', (data: string) => {
      text += data
      if (isComplete(text)) end()
    })
    socket.on('error', end)
    socket.on('end', end)
    socket.on('close', end)
  })
}

/** Whether a text holds a whole answer, or the first item of a stream. */
function isComplete(text: string): boolean {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return false
  const head = text.slice(0, headEnd).toLowerCase()
  const body = text.slice(headEnd + 4)
  if (/^http\/1.1 (1\d\d|204|304)/.test(head)) return !head.startsWith('http/1.1 100')
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1]
  if (length !== undefined) return body.length >= Number(length)
  return body.endsWith('0\r\n\r\n') || body.includes('event: ')
}
