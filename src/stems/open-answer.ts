import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { parseContentRange } from './byte-range.ts'
import type { NoFile, OpenFile } from './stem-source.ts'

const decoders = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
} as const

/**
 * Reads the answer of a file server: the file, or why there is none. `unranged`: the answer has a range that cannot be used, so
 * the file has to be asked for without one. Destroys the answer unless it is the file.
 */
export function openAnswer(answer: IncomingMessage): OpenFile | NoFile | 'unranged' {
  const opened = readAnswer(answer)
  if (opened === 'unranged' || opened.kind !== 'open') answer.destroy()
  return opened
}

function readAnswer(answer: IncomingMessage): OpenFile | NoFile | 'unranged' {
  const { statusCode = 0, headers } = answer
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  const isPlain = coding === 'identity' || coding === ''
  const file = {
    kind: 'open',
    first: 0,
    last: null,
    size: null,
    contentType: headers['content-type'] ?? null,
    validator: validatorOf(headers),
    body: answer,
  } as const
  switch (statusCode) {
    case 200: {
      // A file server may compress although we ask it not to. The length is then that of the compressed bytes.
      if (isPlain) return { ...file, size: lengthOf(headers['content-length']) }
      const body = decoded(answer, coding)
      return body === null ? { kind: 'failed' } : { ...file, body }
    }
    case 206: {
      const range = parseContentRange(headers['content-range'])
      if (!isPlain || range === null || range.span === null) return 'unranged'
      return { ...file, size: range.size, first: range.span.first, last: range.span.last }
    }
    case 416:
      return { kind: 'unsatisfiable', size: parseContentRange(headers['content-range'])?.size ?? null }
    case 404:
      return { kind: 'not-found' }
    case 410:
      return { kind: 'gone' }
    case 401:
    case 403:
      return { kind: 'refused' }
    default:
      return { kind: 'failed' }
  }
}

function lengthOf(header: string | undefined): number | null {
  return header === undefined ? null : Number(header)
}

function decoded(answer: IncomingMessage, coding: string): Readable | null {
  const create = Object.entries(decoders).find(([name]) => name === coding)?.[1]
  // `pipeline` ends the request if the decoder is destroyed, and the decoder if the request breaks off.
  return create === undefined ? null : pipeline(answer, create(), () => {})
}

function validatorOf({ etag, 'last-modified': lastModified }: IncomingMessage['headers']): OpenFile['validator'] {
  if (etag !== undefined) return { value: etag.replace(/^W\//, ''), isWeak: etag.startsWith('W/') }
  return lastModified === undefined ? null : { value: lastModified, isWeak: false }
}
