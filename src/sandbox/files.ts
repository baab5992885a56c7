import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Song } from './song/song.ts'
import { fileAt } from './file-address.ts'
import type { FileName } from './stems.ts'
import type { Timers } from './timers.ts'
import { createToneFiles } from './tone-files.ts'
import { createUnkindFiles } from './unkind-files.ts'

/** Serves the files of the song. */
export interface Files {
  /** Answers a GET, HEAD or OPTIONS of a file (see `fileAt`); false if there is no such file. */
  serve(path: string, request: IncomingMessage, response: ServerResponse): boolean
}

const corsHeaders = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'Accept-Ranges, Content-Length, Content-Range, ETag',
  'cross-origin-resource-policy': 'cross-origin',
}

const preflightHeaders = {
  ...corsHeaders,
  'access-control-allow-methods': 'GET, HEAD, OPTIONS',
  'access-control-allow-headers': 'Range, If-Range, If-None-Match',
  'access-control-max-age': '86400',
}

interface ByteRange {
  readonly first: number
  readonly last: number
}

/**
 * Reads a Range header (RFC 9110, section 14). Returns `whole` without a valid range, and for several ranges, which may be
 * answered with the whole file. Returns `none` if the range is outside the file.
 */
function readRange(header: string | undefined, size: number): ByteRange | 'whole' | 'none' {
  const found = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '')
  const [, from = '', to = ''] = found ?? []
  if (from === '' && to === '') return 'whole'
  if (from === '') {
    const first = Math.max(0, size - Number(to))
    return first < size ? { first, last: size - 1 } : 'none'
  }
  const first = Number(from)
  const last = to === '' ? size - 1 : Math.min(size - 1, Number(to))
  if (to !== '' && Number(to) < first) return 'whole'
  return first < size ? { first, last } : 'none'
}

/**
 * Supports range requests, validators and CORS, so that players can seek and a page can draw a waveform; except for the files of
 * the test tracks whose file server is unkind.
 */
export function createFiles(song: Song, timers: Timers): Files {
  const toneFile = createToneFiles(song)
  const sendUnkindly = createUnkindFiles(timers)
  const etags = new Map<FileName, string>()

  function etagOf(name: FileName, file: Buffer): string {
    const etag = etags.get(name) ?? `"${createHash('sha256').update(file).digest('base64url').slice(0, 22)}"`
    etags.set(name, etag)
    return etag
  }

  function send(name: FileName, request: IncomingMessage, response: ServerResponse): void {
    const file = song.file(name)
    const etag = etagOf(name, file)
    const headers = {
      ...corsHeaders,
      'accept-ranges': 'bytes',
      'cache-control': 'public, max-age=86400',
      'content-type': 'audio/wav',
      etag,
    }
    if (request.headers['if-none-match']?.includes(etag)) {
      response.writeHead(304, headers).end()
      return
    }
    const ifRange = request.headers['if-range']
    const wantsRange = request.method === 'GET' && (ifRange === undefined || ifRange === etag)
    const range = wantsRange ? readRange(request.headers.range, file.length) : 'whole'
    if (range === 'none') {
      response
        .writeHead(416, { ...corsHeaders, 'content-range': `bytes */${file.length}`, 'content-length': '0' })
        .end()
    } else if (range === 'whole') {
      response.writeHead(200, { ...headers, 'content-length': String(file.length) })
      response.end(request.method === 'HEAD' ? undefined : file)
    } else {
      const part = file.subarray(range.first, range.last + 1)
      const contentRange = `bytes ${range.first}-${range.last}/${file.length}`
      response
        .writeHead(206, { ...headers, 'content-length': String(part.length), 'content-range': contentRange })
        .end(part)
    }
  }

  return {
    serve(path, request, response) {
      const found = fileAt(path)
      if (found === null) return false
      const { service, name } = found
      if (service !== 'friendly') {
        sendUnkindly(service, request, response, service === 'bare' ? toneFile(name) : song.file(name))
      } else if (request.method === 'OPTIONS') response.writeHead(204, preflightHeaders).end()
      else if (request.method === 'GET' || request.method === 'HEAD') send(name, request, response)
      else return false
      return true
    },
  }
}
