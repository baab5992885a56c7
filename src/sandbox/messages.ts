import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Refusal } from './submission.ts'

const maxBodyBytes = 64 * 1024

/** Null if it is longer than the provider takes. It is read to its end even so, or the client would miss the answer. */
export async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= maxBodyBytes) chunks.push(chunk)
  }
  return bytes > maxBodyBytes ? null : Buffer.concat(chunks).toString('utf8')
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  const text = JSON.stringify(body)
  response
    .writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
    })
    .end(text)
}

export function succeed(response: ServerResponse, data: unknown): void {
  sendJson(response, { code: 200, msg: 'success', data })
}

/** The provider says what is wrong in the body; HTTP says 200 all the same. */
export function refuse(response: ServerResponse, { code, msg }: Refusal): void {
  sendJson(response, { code, msg, data: null })
}

export function sendNotFound(response: ServerResponse): void {
  sendJson(response, { code: 404, msg: 'Not Found', data: null }, 404)
}
