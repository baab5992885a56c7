import type { IncomingHttpHeaders } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib'

const decompressors = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  /** What some senders mean by `deflate`. */
  'deflate-raw': promisify(inflateRaw),
  br: promisify(brotliDecompress),
}

/**
 * The bytes of a body without its `Content-Encoding` (RFC 9110, 8.4.1), or `too-large` if there are more than `maxBytes`:
 * no more than that is ever unpacked. A body that cannot be unpacked is returned as it is, since proxies are known to
 * unpack a body and to keep its header.
 */
export async function decompressBody(
  body: Buffer,
  headers: IncomingHttpHeaders,
  maxBytes: number,
): Promise<Buffer | 'too-large'> {
  const encoding = encodingOf(body, headers)
  if (encoding === null) return body
  try {
    return await decompressors[encoding](body, { maxOutputLength: maxBytes })
  } catch (error) {
    return isTooLarge(error) ? 'too-large' : body
  }
}

function encodingOf(body: Buffer, headers: IncomingHttpHeaders): keyof typeof decompressors | null {
  // The first two bytes of gzip (RFC 1952, 2.3.1) begin no text, so that they count more than the header.
  if (body[0] === 0x1f && body[1] === 0x8b) return 'gzip'
  const named = headers['content-encoding']?.trim().toLowerCase()
  if (named === 'br') return 'br'
  if (named !== 'deflate') return null
  // The first half byte of a frame names its method, which is always 8 (RFC 1950, 2.2).
  return ((body[0] ?? 0) & 0x0f) === 8 ? 'deflate' : 'deflate-raw'
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
}
