import type { IncomingMessage, ServerResponse } from 'node:http'
import { StoreUnavailableError } from '../../separation/errors.ts'
import type { Clock } from '../../separation/store/clock.ts'
import { formatOf, formatOfBytes, isTextPage, mediaTypeOf } from '../../stems/audio-format.ts'
import { headRange, parseRange } from '../../stems/byte-range.ts'
import { durationOf } from '../../stems/audio-duration.ts'
import { downloadName } from '../../stems/file-name.ts'
import type { FileFacts } from '../../stems/file-facts.ts'
import type { ValidStemLink } from '../../stems/find-linked.ts'
import { planAnswer, type AnswerPlan } from '../../stems/plan-answer.ts'
import type { OpenFile, StemSource } from '../../stems/stem-source.ts'
import { cacheControl, disposition, hasTag, strongTagOf, tagOf } from './file-headers.ts'
import { sendFile } from './send-file.ts'
import { refuseStem } from './stem-refusals.ts'

export interface AnswerStemOptions {
  readonly source: StemSource
  readonly facts: FileFacts
  readonly clock: Clock
  /** How long a stream may make no progress, in milliseconds. */
  readonly stallMs: number
}

export type AnswerStem = (
  request: IncomingMessage,
  response: ServerResponse,
  link: ValidStemLink,
  signal: AbortSignal,
) => Promise<void>

/** Creates what answers a valid link: with the file of its stem, or a range of it, from wherever the bytes come. */
export function createAnswerStem({ source, facts, clock, stallMs }: AnswerStemOptions): AnswerStem {
  return async function answerStem(request, response, link, signal) {
    const { headers } = request
    const isHead = request.method === 'HEAD'
    let range = isHead ? null : parseRange(headers.range)
    let file = await source.open(link, isHead ? headRange : range, signal)
    const ifRange = headers['if-range']
    if (file.kind === 'open' && range !== null && ifRange !== undefined && ifRange !== strongTagOf(link.stem, file)) {
      // The client has another file, so that it needs the whole of this one.
      file.body.destroy()
      range = null
      file = await source.open(link, null, signal)
    }
    if (file.kind === 'unsatisfiable') return sendUnsatisfiable(response, file.size)
    if (file.kind !== 'open') return refuseStem(response, file.kind)
    const etag = tagOf(link.stem, file)
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

  function learn(link: ValidStemLink, head: Buffer | null, sizeBytes: number | null): void {
    const format = head === null ? null : formatOfBytes(head)
    const durationSeconds = head === null || sizeBytes === null ? null : durationOf(format, head, sizeBytes)
    facts.learn(link, { sizeBytes, format, durationSeconds })
  }

  /** The size of the file if it is known from another reader. */
  async function sizeOf(link: ValidStemLink, file: OpenFile): Promise<number | null | 'store'> {
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
    link: ValidStemLink,
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
        if (file.first === 0 && isTextPage(file.contentType, firstBytes)) {
          refuseStem(response, 'not-audio')
          return false
        }
        if (file.first === 0) head = firstBytes
        learn(link, head, file.size)
        const format = formatOf({ firstBytes: head, contentType: file.contentType, url: link.stem.url.value })
        response.writeHead(plan.status, {
          'content-type': mediaTypeOf(format),
          'content-disposition': disposition(downloadName(link.task, link.stem, format), isDownload),
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
