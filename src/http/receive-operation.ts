import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBody, sendGraphqlError } from './respond.ts'

const maxBodyBytes = 64 * 1024
const jsonType = /^\s*application\/(graphql\+)?json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i

/**
 * Reads and checks the body of a request, and attaches it for Yoga. Returns false if it has refused the request. Invalid JSON
 * is refused here, because Yoga would report it twice, quote the request, or treat it as an internal error.
 */
export async function receiveOperation(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  if (request.method === 'POST') return receiveBody(request, response)
  const invalid = request.method === 'GET' ? invalidParameterOf(request) : undefined
  if (invalid === undefined) return true
  sendGraphqlError(response, 400, `The query parameter \`${invalid}\` must be JSON.`, 'BAD_REQUEST')
  return false
}

async function receiveBody(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = request.headers
  if (!jsonType.test(type) || encoding !== 'identity') {
    const message = 'Send operations as application/json in UTF-8, uncompressed.'
    sendGraphqlError(response, 415, message, 'UNSUPPORTED_MEDIA_TYPE')
    return false
  }
  const body = await readBody(request, maxBodyBytes)
  if (body === 'too-large') {
    sendGraphqlError(response, 413, `The request body must not exceed ${maxBodyBytes / 1024} KiB.`, 'PAYLOAD_TOO_LARGE')
    return false
  }
  if (!isJson(body.toString('utf8'))) {
    sendGraphqlError(response, 400, 'The request body must be JSON.', 'BAD_REQUEST')
    return false
  }
  // Yoga uses `body` if another handler has already read it.
  Object.assign(request, { body })
  return true
}

function invalidParameterOf({ url = '' }: IncomingMessage): string | undefined {
  const parameters = new URLSearchParams(url.slice(url.indexOf('?') + 1))
  return ['variables', 'extensions'].find((name) => !isJson(parameters.get(name) || 'null'))
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
