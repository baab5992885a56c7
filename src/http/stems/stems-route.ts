import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ConcurrencyLimit } from '../../limits/concurrency-limit.ts'
import { StoreUnavailableError } from '../../separation/errors.ts'
import type { FindLinked } from '../../stems/find-linked.ts'
import { createAnswerStem, type AnswerStemOptions } from './answer-stem.ts'
import { createAnswerZip } from './answer-zip.ts'
import { refuseStem } from './stem-refusals.ts'

export interface StemsRouteOptions extends AnswerStemOptions {
  readonly findLinked: FindLinked
  /** Limits all open streams, and those of each IP address. */
  readonly streamLimit: ConcurrencyLimit
  readonly streamsPerAddress: ConcurrencyLimit
}

const corsHeaders = {
  // The link is the credential, so a page of any origin may use it, and none sends another credential.
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Retry-After',
}
const preflightHeaders = {
  ...corsHeaders,
  'access-control-allow-methods': 'GET, HEAD, OPTIONS',
  'access-control-allow-headers': 'Range, If-Range, If-None-Match',
  'access-control-max-age': '86400',
}

type Handler = (request: IncomingMessage, response: ServerResponse, path: string) => Promise<void>

/** `/stems/…`: the files of stems and zips of them, from wherever their bytes come, with CORS and limits. */
export function createStemsRoute(options: StemsRouteOptions): Handler {
  const { findLinked, streamLimit, streamsPerAddress } = options
  const answerStem = createAnswerStem(options)
  const answerZip = createAnswerZip(options)

  return async function handle(request, response, path) {
    for (const [name, value] of Object.entries(corsHeaders)) response.setHeader(name, value)
    if (request.method === 'OPTIONS') {
      response.writeHead(204, preflightHeaders).end()
      return
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuseStem(response, 'method')
    const link = await find(path)
    if (link === 'store') return refuseStem(response, link)
    if (link === null) return refuseStem(response, 'link')
    if (response.destroyed) return
    const release = acquire(request)
    if (release === null) return refuseStem(response, 'busy')
    const ending = new AbortController()
    response.once('close', () => {
      release()
      ending.abort()
    })
    if (link.kind === 'zip') await answerZip(request, response, link, ending.signal)
    else await answerStem(request, response, link, ending.signal)
  }

  async function find(path: string): Promise<Awaited<ReturnType<FindLinked>> | 'store'> {
    try {
      return await findLinked(path)
    } catch (error) {
      if (error instanceof StoreUnavailableError) return 'store'
      throw error
    }
  }

  function acquire({ socket }: IncomingMessage): (() => void) | null {
    const releaseAddress = streamsPerAddress.acquire(socket.remoteAddress ?? '')
    if (releaseAddress === null) return null
    const releaseStream = streamLimit.acquire('')
    if (releaseStream === null) releaseAddress()
    if (releaseStream === null) return null
    return () => {
      releaseAddress()
      releaseStream()
    }
  }
}
