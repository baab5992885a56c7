import type { IncomingHttpHeaders } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib'

const decompressors = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  /** Some senders use `deflate` without the zlib frame. */
  'deflate-raw': promisify(inflateRaw),
  br: promisify(brotliDecompress),
}

/**
 * Undoes the `Content-Encoding` of a body (RFC 9110, 8.4.1). Stops at `maxBytes` and returns `too-large` if there is more.
 * A body that cannot be decompressed is returned unchanged, because some proxies decompress a body and keep its header.
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
  // No text begins with gzip's first two bytes (RFC 1952, 2.3.1), so they take precedence over the header.
  if (body[0] === 0x1f && body[1] === 0x8b) return 'gzip'
  const named = headers['content-encoding']?.trim().toLowerCase()
  if (named === 'br') return 'br'
  if (named !== 'deflate') return null
  // The low 4 bits of a zlib frame are its method, which is always 8 (RFC 1950, 2.2).
  return ((body[0] ?? 0) & 0x0f) === 8 ? 'deflate' : 'deflate-raw'
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
}
