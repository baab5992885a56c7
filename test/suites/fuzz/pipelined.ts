import { connect } from 'node:net'

/** A request whose answer has a length. */
export interface PipelinedRequest {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface PipelinedAnswer {
  /** 0: the line was closed before. */
  readonly status: number
  readonly text: string
}

/** Sends requests one behind the other over a connection of their own; resolves to their answers, in the same order. */
export function sendPipelined(options: {
  readonly port: number
  /** A loopback address: any of 127.0.0.0/8. */
  readonly from: string
  readonly requests: readonly PipelinedRequest[]
}): Promise<readonly PipelinedAnswer[]> {
  const { port, from, requests } = options
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress: from })
    const answers: PipelinedAnswer[] = []
    let rest = ''
    const finish = () => {
      socket.destroy()
      while (answers.length < requests.length) answers.push({ status: 0, text: rest.slice(0, 500) })
      resolve(answers)
    }
    socket.setEncoding('latin1')
    socket.once('connect', () => socket.write(Buffer.concat(requests.map((request) => bytesOf(request, port)))))
    socket.on('data', (data: string) => {
      rest += data
      for (let end = endOfFirst(rest); end !== null; end = endOfFirst(rest)) {
        answers.push({ status: Number(rest.slice(9, 12)), text: rest.slice(0, end) })
        rest = rest.slice(end)
      }
      if (answers.length >= requests.length) finish()
    })
    socket.on('error', finish)
    socket.on('close', finish)
  })
}

function bytesOf({ method = 'POST', path, headers = {}, body }: PipelinedRequest, port: number): Buffer {
  const all = {
    host: `127.0.0.1:${port}`,
    'content-type': 'application/json',
    ...headers,
    'content-length': String(body.length),
  }
  const fields = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return Buffer.concat([Buffer.from([`${method} ${path} HTTP/1.1`, ...fields, '', ''].join('\r\n'), 'latin1'), body])
}

/** Where the first answer of a text ends; null if it is not whole. */
function endOfFirst(text: string): number | null {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const start = headEnd + 4
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, headEnd))?.[1]
  if (length !== undefined) return text.length < start + Number(length) ? null : start + Number(length)
  const lastChunk = text.indexOf('0\r\n\r\n', start)
  return lastChunk < 0 ? null : lastChunk + 5
}
