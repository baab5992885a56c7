import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ConcurrencyLimit } from '../../limits/concurrency-limit.ts'
import { StoreUnavailableError } from '../../separation/errors.ts'
import type { Clock } from '../../separation/store.ts'
import { formatOfBytes, formatOfMediaType, formatOfUrl, mediaTypeOf } from '../../stems/audio-format.ts'
import { parseRange, type AskedRange } from '../../stems/byte-range.ts'
import { durationOf } from '../../stems/audio-duration.ts'
import type { FileFacts } from '../../stems/file-facts.ts'
import type { FindLinkedStem, ValidLink } from '../../stems/find-linked-stem.ts'
import { planAnswer, type AnswerPlan } from '../../stems/plan-answer.ts'
import type { OpenFile, StemSource } from '../../stems/stem-source.ts'
import { cacheControl, disposition, hasTag, strongTagOf, tagOf } from './file-headers.ts'
import { sendFile } from './send-file.ts'
import { refuseStem } from './stem-refusals.ts'

export interface StemsRouteOptions {
  readonly findLinkedStem: FindLinkedStem
  readonly source: StemSource
  readonly facts: FileFacts
  /** Limits all open streams, and those of each IP address. */
  readonly streamLimit: ConcurrencyLimit
  readonly streamsPerAddress: ConcurrencyLimit
  readonly clock: Clock
  /** How long a stream may make no progress, in milliseconds. */
  readonly stallMs: number
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
/** What a HEAD reads of a file: enough to see its format. */
const headRange: AskedRange = { kind: 'span', first: 0, last: 1_023 }
/** The media types of error pages. */
const textTypes = /^\s*(text\/|application\/(json|xml|xhtml|problem))/i

type Handler = (request: IncomingMessage, response: ServerResponse, path: string) => Promise<void>

/** `/stems/…`: the files of stems, from wherever their bytes come, with CORS, ranges, validators and names. */
export function createStemsRoute(options: StemsRouteOptions): Handler {
  const { findLinkedStem, source, facts, streamLimit, streamsPerAddress, clock, stallMs } = options

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
    await answer(request, response, link, ending.signal)
  }

  async function find(path: string): Promise<ValidLink | null | 'store'> {
    try {
      return await findLinkedStem(path)
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

  async function answer(
    request: IncomingMessage,
    response: ServerResponse,
    link: ValidLink,
    signal: AbortSignal,
  ): Promise<void> {
    const { headers } = request
    const isHead = request.method === 'HEAD'
    let range = isHead ? null : parseRange(headers.range)
    let file = await source.open(link, isHead ? headRange : range, signal)
    const ifRange = headers['if-range']
    if (file.kind === 'open' && range !== null && ifRange !== undefined && ifRange !== strongTagOf(link, file)) {
      // The client has another file, so that it needs the whole of this one.
      file.body.destroy()
      range = null
      file = await source.open(link, null, signal)
    }
    if (file.kind === 'unsatisfiable') return sendUnsatisfiable(response, file.size)
    if (file.kind !== 'open') return refuseStem(response, file.kind)
    const etag = tagOf(link, file)
    if (hasTag(headers['if-none-match'], etag)) {
      file.body.destroy()
      response.writeHead(304, { etag, 'cache-control': cacheControl(link, clock.nowMs()) }).end()
      return
    }
    const knownSize = file.size === null ? await sizeOf(link, file) : null
    if (knownSize === 'store') return refuseStem(response, knownSize)
    const plan: AnswerPlan = isHead
      ? { status: 200, span: null, size: file.size ?? knownSize }
      : planAnswer(file, range, knownSize)
    if (plan.status === 'unusable' || plan.status === 416) {
      file.body.destroy()
      return plan.status === 416 ? sendUnsatisfiable(response, plan.size) : refuseStem(response, 'failed')
    }
    send(response, link, file, plan, { etag, isHead, isDownload: asksForDownload(request) })
  }

  function learn(link: ValidLink, head: Buffer | null, sizeBytes: number | null): void {
    const format = head === null ? null : formatOfBytes(head)
    const durationSeconds = head === null || sizeBytes === null ? null : durationOf(format, head, sizeBytes)
    facts.learn(link, { sizeBytes, format, durationSeconds })
  }

  /** The size of the file if it is known from another reader. */
  async function sizeOf(link: ValidLink, file: OpenFile): Promise<number | null | 'store'> {
    try {
      return (await facts.find(link)).sizeBytes
    } catch (error) {
      file.body.destroy()
      if (error instanceof StoreUnavailableError) return 'store'
      throw error
    }
  }

  function send(
    response: ServerResponse,
    link: ValidLink,
    file: OpenFile,
    plan: Extract<AnswerPlan, { readonly status: 200 | 206 }>,
    { etag, isHead, isDownload }: { readonly etag: string; readonly isHead: boolean; readonly isDownload: boolean },
  ): void {
    const { span, size } = plan
    const length = span === null ? size : span.last - span.first + 1
    let head: Buffer | null = null
    sendFile({
      response,
      body: file.body,
      skip: (span?.first ?? 0) - file.first,
      take: length,
      stallMs,
      begin(firstBytes) {
        const seen = file.first === 0 ? formatOfBytes(firstBytes) : null
        if (file.first === 0 && seen === null && textTypes.test(file.contentType ?? '')) {
          refuseStem(response, 'not-audio')
          return false
        }
        if (file.first === 0) head = firstBytes
        learn(link, head, file.size)
        const format = seen ?? formatOfMediaType(file.contentType) ?? formatOfUrl(link.stem.url.value)
        response.writeHead(plan.status, {
          'content-type': mediaTypeOf(format),
          'content-disposition': disposition(link, format, isDownload),
          'cache-control': cacheControl(link, clock.nowMs()),
          etag,
          ...(size === null ? {} : { 'accept-ranges': 'bytes' }),
          ...(length === null ? {} : { 'content-length': length }),
          ...(span === null ? {} : { 'content-range': `bytes ${span.first}-${span.last}/${size ?? '*'}` }),
        })
        if (isHead) response.end()
        return !isHead
      },
      onFailedEarly: () => refuseStem(response, 'failed'),
      onWhole(bytes) {
        if (file.size === null && file.first === 0) learn(link, head, bytes)
      },
    })
  }
}

function sendUnsatisfiable(response: ServerResponse, size: number | null): void {
  const range = size === null ? {} : { 'content-range': `bytes */${size}` }
  response.writeHead(416, { ...range, 'content-length': 0, 'cache-control': 'no-store' }).end()
}

function asksForDownload({ url = '' }: IncomingMessage): boolean {
  return new URLSearchParams(url.split('?')[1] ?? '').get('download') === '1'
}
