import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { onTestFinished } from 'vitest'
import type { Ending } from './gateway.ts'
import { listenOnLoopback } from './listen-on-loopback.ts'

/** How a file server answers. */
export type ServeFile = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** A real server of files, as kind or unkind as a test says. */
export interface FileServer {
  /** For example `http://127.0.0.1:4000`. */
  readonly url: string
  readonly host: string
  /** The requests so far. */
  readonly requests: readonly IncomingMessage[]
  /** How many requests are being answered now. */
  open(): number
  /** Resolves once no request is being answered. */
  idle(): Promise<void>
}

export async function startFileServer(serve: ServeFile, atEnd: Ending = onTestFinished): Promise<FileServer> {
  const requests: IncomingMessage[] = []
  const open = new Set<ServerResponse>()
  const server = createServer((request, response) => {
    requests.push(request)
    open.add(response)
    response.once('close', () => {
      open.delete(response)
      server.emit('answered')
    })
    void serve(request, response)
  })
  const url = await listenOnLoopback(server, atEnd)
  return {
    url,
    host: new URL(url).host,
    requests,
    open: () => open.size,
    async idle() {
      while (open.size > 0) await once(server, 'answered')
    },
  }
}

/** The bytes of a file that begins as an MP3 does. No two neighbouring parts are equal. */
export function mp3Bytes(size: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32BE((at * 2_654_435_761) % 2 ** 32, at)
  bytes.write('ID3', 0)
  return bytes
}

/**
 * A server that knows ranges and validators, as an object store does.
 * @param send sends the body, once the head is written
 */
export function rangedFile(
  bytes: Buffer,
  headers: Readonly<Record<string, string>> = {},
  send: (response: ServerResponse, body: Buffer) => void = (response, body) => void response.end(body),
): ServeFile {
  return (request, response) => {
    const all = { 'accept-ranges': 'bytes', etag: '"file-1"', 'content-type': 'audio/mpeg', ...headers }
    const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') ?? []
    if (from === undefined || to === undefined) {
      return send(response.writeHead(200, { ...all, 'content-length': bytes.length }), bytes)
    }
    const first = from === '' ? Math.max(0, bytes.length - Number(to)) : Number(from)
    const last = from === '' || to === '' ? bytes.length - 1 : Math.min(Number(to), bytes.length - 1)
    if (first > last) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
      return
    }
    const part = bytes.subarray(first, last + 1)
    const contentRange = `bytes ${first}-${last}/${bytes.length}`
    send(response.writeHead(206, { ...all, 'content-length': part.length, 'content-range': contentRange }), part)
  }
}

/** A server that knows no ranges. */
export function plainFile(bytes: Buffer, headers: Readonly<Record<string, string>> = {}): ServeFile {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes.length, ...headers })
    response.end(bytes)
  }
}

/** A server that knows neither ranges nor the length: it sends chunks. */
export function chunkedFile(bytes: Buffer): ServeFile {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'audio/mpeg' })
    for (let at = 0; at < bytes.length; at += 1_000) response.write(bytes.subarray(at, at + 1_000))
    response.end()
  }
}
