import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBody, sendGraphqlError } from './respond.ts'

const maxBodyBytes = 64 * 1024
const jsonType = /^\s*application\/(graphql\+)?json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i

/**
 * Reads the operation of a request within our own limit and hands it on; false if the request is answered already. What
 * is no JSON is refused here: Yoga would tell it twice, with a part of what was sent, or take it for a fault of ours.
 */
export async function receiveOperation(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  if (request.method === 'POST') return receiveBody(request, response)
  const unreadable = request.method === 'GET' ? unreadableParameterOf(request) : undefined
  if (unreadable === undefined) return true
  sendGraphqlError(response, 400, `\`${unreadable}\` of the query string must be JSON.`, 'BAD_REQUEST')
  return false
}

async function receiveBody(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = request.headers
  if (!jsonType.test(type) || encoding !== 'identity') {
    const message = 'Send operations as application/json in UTF-8, not compressed.'
    sendGraphqlError(response, 415, message, 'UNSUPPORTED_MEDIA_TYPE')
    return false
  }
  const body = await readBody(request, maxBodyBytes)
  if (body === 'too-large') {
    sendGraphqlError(response, 413, `A request may hold ${maxBodyBytes / 1024} KiB.`, 'PAYLOAD_TOO_LARGE')
    return false
  }
  if (!isJson(body.toString('utf8'))) {
    sendGraphqlError(response, 400, 'The body must be JSON.', 'BAD_REQUEST')
    return false
  }
  // Where Yoga looks for a body that somebody has read already.
  Object.assign(request, { body })
  return true
}

function unreadableParameterOf({ url = '' }: IncomingMessage): string | undefined {
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
