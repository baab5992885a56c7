import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Pipeline } from '../graphql/pipeline.ts'
import type { Callers } from './callers.ts'
import type { Cors } from './cors.ts'
import type { GraphiqlPage } from './graphiql-page.ts'
import { readBody, sendGraphqlError } from './respond.ts'

export interface GraphqlRouteOptions {
  readonly pipeline: Pipeline
  readonly callerOf: Callers
  readonly cors: Cors
  /** null: GraphiQL is off. */
  readonly graphiql: GraphiqlPage | null
}

const maxBodyBytes = 64 * 1024
const jsonType = /^\s*application\/(graphql\+)?json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i

/** `/graphql` over HTTP: operations by POST and GET, subscriptions by SSE, GraphiQL for a browser. */
export function createGraphqlRoute({ pipeline, callerOf, cors, graphiql }: GraphqlRouteOptions) {
  return async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // First, so that a page can read of a refusal too.
    if (cors(request, response)) return
    const caller = callerOf(request.headers)
    if ('refusal' in caller) {
      sendGraphqlError(response, 403, caller.refusal, 'FORBIDDEN')
      return
    }
    if (graphiql !== null && isForPeople(request)) {
      await graphiql(request, response)
      return
    }
    if (request.method === 'POST' && !(await takeBody(request, response))) return
    await pipeline(request, response, { caller })
  }
}

/** Reads the body within our own limit and hands it on; false if the request is answered already. */
async function takeBody(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
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
  // Where Yoga looks for a body that somebody has read already. An empty one would make it wait for the request's own.
  Object.assign(request, { body: body.length > 0 ? body : Buffer.from(' ') })
  return true
}

/** A browser that was sent here by a person, not by a program. */
function isForPeople({ method, headers, url = '' }: IncomingMessage): boolean {
  return method === 'GET' && /\btext\/html\b/.test(headers.accept ?? '') && !/[?&]query=/.test(url)
}
