import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { AuthFailure } from '../identity/session.ts'
import { acceptedType } from './accepted-type.ts'
import { sendMessagePage, type MessagePage } from './web/message-page.ts'
import { wantsPage } from './web/wants-page.ts'

/** What a page says first, by status. */
const headings = {
  401: 'Who are you?',
  403: 'You cannot enter here',
  503: 'Not available at the moment',
} as const satisfies Readonly<Record<AuthFailure['status'], string>>

/** The answer to a request on an open connection after the gateway has stopped accepting requests. */
export const stoppingMessage = 'The gateway is stopping. Try again.'
export const stoppingHeaders = { connection: 'close', 'retry-after': '1' }

/** The same for a person. */
export const stoppingPage: MessagePage = {
  status: 503,
  heading: headings[503],
  message: stoppingMessage,
  headers: stoppingHeaders,
}

/** Sends JSON. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
  response.end(JSON.stringify(body))
}

/** The codes of the GraphQL errors that were sent without the pipeline. */
const errorCodes = new WeakMap<ServerResponse, string>()

/** The code of the GraphQL error that was sent for an operation that was not parsed; null if none was. */
export function errorCodeOf(response: ServerResponse): string | null {
  return errorCodes.get(response) ?? null
}

/** Sends a GraphQL error for an operation that was not parsed, in the media type that the client accepts. */
export function sendGraphqlError(
  response: ServerResponse,
  status: number,
  message: string,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const type = acceptedType(response.req.headers.accept)
  const errors = [{ message, extensions: { code } }]
  errorCodes.set(response, code)
  sendJson(response, status, { errors }, { 'content-type': `${type}; charset=utf-8`, ...headers })
}

/** Answers a request that failed authentication or was denied access: a person with a page, a program with JSON. */
export function refuse(response: ServerResponse, { status, code, message }: AuthFailure): void {
  const headers = { 401: { 'www-authenticate': 'Bearer realm="stemgate"' }, 403: {}, 503: { 'retry-after': '5' } }
  if (wantsPage(response.req)) {
    return sendMessagePage(response, { status, heading: headings[status], message, headers: headers[status] })
  }
  sendGraphqlError(response, status, message, code, headers[status])
}

/** Refuses an upgrade with 403. Destroys the socket at once: a peer could keep a half-closed one open forever. */
export function refuseUpgrade(socket: Duplex, body: unknown, headers: Readonly<Record<string, string>>): void {
  const text = JSON.stringify(body)
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(
    `HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `${more.join('')}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    () => socket.destroy(),
  )
}

/**
 * Reads the body of a request. Returns `too-large` as soon as it exceeds `maxBytes`; the rest is read and discarded, because
 * closing the connection while the client sends would lose the answer. Throws if the connection breaks.
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
