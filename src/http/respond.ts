import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { AuthFailure } from '../identity/session.ts'
import { acceptedType } from './accepted-type.ts'

/** What a client hears that kept its connection open and asks again, when the gateway no longer takes anything. */
export const stoppingMessage = 'The gateway is stopping. Try again.'
export const stoppingHeaders = { connection: 'close', 'retry-after': '1' }

/** Answers with JSON. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
  response.end(JSON.stringify(body))
}

/** Answers as GraphQL does where an operation was not even read, in the media type that the client accepts. */
export function sendGraphqlError(
  response: ServerResponse,
  status: number,
  message: string,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const type = acceptedType(response.req.headers.accept)
  const errors = [{ message, extensions: { code } }]
  sendJson(response, status, { errors }, { 'content-type': `${type}; charset=utf-8`, ...headers })
}

/** Answers whoever is not let in. */
export function refuse(response: ServerResponse, { status, code, message }: AuthFailure): void {
  const headers = { 401: { 'www-authenticate': 'Bearer realm="stemgate"' }, 403: {}, 503: { 'retry-after': '5' } }
  sendGraphqlError(response, status, message, code, headers[status])
}

/** Answers an upgrade that is not granted. The socket goes at once: a peer that keeps its half open would hold it for ever. */
export function refuseUpgrade(socket: Duplex, body: unknown): void {
  const text = JSON.stringify(body)
  socket.end(
    `HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    () => socket.destroy(),
  )
}

/**
 * The whole body of a request, or `too-large` as soon as it is known to be larger than `maxBytes`. Throws if the line is
 * cut. The rest of a large body is let go by: a line that we close on a sender who is still sending loses our answer.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | 'too-large'> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return 'too-large'
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else resolve('too-large')
    })
    request.once('end', () => resolve(Buffer.concat(chunks)))
    request.once('error', reject)
  })
}
