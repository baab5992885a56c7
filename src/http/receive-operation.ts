import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBody, sendGraphqlError } from './respond.ts'

const maxBodyBytes = 64 * 1024
const jsonType = /^\s*application\/(graphql\+)?json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i

/** Reads the body of a POST. Returns null if it has refused the request: not JSON by its type, or too large. */
export async function receiveBody(request: IncomingMessage, response: ServerResponse): Promise<Buffer | null> {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = request.headers
  if (!jsonType.test(type) || encoding !== 'identity') {
    const message = 'Send operations as application/json in UTF-8, uncompressed.'
    sendGraphqlError(response, 415, message, 'UNSUPPORTED_MEDIA_TYPE')
    return null
  }
  const body = await readBody(request, maxBodyBytes)
  if (body !== 'too-large') return body
  sendGraphqlError(response, 413, `The request body must not exceed ${maxBodyBytes / 1024} KiB.`, 'PAYLOAD_TOO_LARGE')
  return null
}

/**
 * Checks that the operation is JSON, and attaches the body for Yoga. Returns false if it has refused the request. Yoga would
 * report invalid JSON twice, quote the request, or treat it as an internal error.
 * @param body the body of a POST; null for other methods
 */
export function prepareForYoga(request: IncomingMessage, response: ServerResponse, body: Buffer | null): boolean {
  if (body !== null) {
    if (!isJson(body.toString('utf8'))) return refuseInvalid(response, 'The request body must be JSON.')
    // Yoga uses `body` if another handler has already read it.
    Object.assign(request, { body })
    return true
  }
  const invalid = request.method === 'GET' ? invalidParameterOf(request) : undefined
  return invalid === undefined || refuseInvalid(response, `The query parameter \`${invalid}\` must be JSON.`)
}

function refuseInvalid(response: ServerResponse, message: string): false {
  sendGraphqlError(response, 400, message, 'BAD_REQUEST')
  return false
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
