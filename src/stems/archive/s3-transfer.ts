import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { OpenFile } from '../stem-source.ts'
import { ArchiveError } from './archive-storage.ts'

const chunkBytes = 65_536
const rangePattern = /^bytes (\d+)-(\d+)\/(\d+)$/

/** The bytes of a file from its beginning, read as they are sent. */
export function streamOf(file: FileHandle): ReadableStream<Uint8Array> {
  let position = 0
  return new ReadableStream({
    async pull(controller) {
      const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(chunkBytes), position })
      position += bytesRead
      if (bytesRead === 0) controller.close()
      else controller.enqueue(buffer.subarray(0, bytesRead))
    },
  })
}

/** Sends a request. Rejects if no answer has begun in time; its body may then take longer. */
export async function fetchWithin(
  url: Parameters<typeof fetch>[0],
  init: RequestInit | undefined,
  timeoutMs: number,
  signal: AbortSignal | null,
): Promise<Response> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new ArchiveError('The S3 server does not answer.')), timeoutMs)
  try {
    const signals = signal === null ? [late.signal] : [late.signal, signal]
    const headers = new Headers(init?.headers)
    // `fetch` gives the length of a text itself. A length that is given twice is refused by some versions of undici.
    if (typeof init?.body === 'string') headers.delete('content-length')
    // An upload sends its body before it receives anything.
    const options = { ...init, headers, duplex: 'half', redirect: 'error', signal: AbortSignal.any(signals) } as const
    return await fetch(url, options)
  } finally {
    clearTimeout(timer)
  }
}

/** The file in an answer, whose bytes are on their way. */
export function openedFile({ body, headers, status }: Response): OpenFile {
  const [, first, last, size] = rangePattern.exec(headers.get('content-range') ?? '') ?? []
  const isPart = status === 206 && first !== undefined && last !== undefined
  const length = headers.get('content-length')
  const stream = body === null ? Readable.from([]) : readableOf(body)
  // An error without a listener ends the process; whoever reads the body learns of it by its end.
  stream.on('error', () => {})
  return {
    kind: 'open',
    size: isPart ? Number(size) : length === null ? null : Number(length),
    first: isPart ? Number(first) : 0,
    last: isPart ? Number(last) : null,
    contentType: null,
    validator: null,
    body: stream,
  }
}

/** The stream of an answer as one of Node.js. */
function readableOf(body: ReadableStream<Uint8Array>): Readable {
  const reader = body.getReader()
  return new Readable({
    read() {
      reader.read().then(
        ({ done, value }) => this.push(done ? null : value),
        (error: unknown) => this.destroy(error instanceof Error ? error : new Error('The answer broke off.')),
      )
    },
    destroy(error, callback) {
      stopReading(reader)
      callback(error)
    },
  })
}

function stopReading(reader: ReadableStreamDefaultReader): void {
  // The answer may have ended with an error.
  reader.cancel().catch(() => {})
}

/**
 * Whether the server has received the bytes with this MD5. The ETag of an object that was uploaded in one part is its MD5, unless it
 * is encrypted with a key of KMS or of the client. Then TLS alone protects the bytes on their way.
 */
export function hasArrived(headers: Headers, md5: string): boolean {
  const encryption = headers.get('x-amz-server-side-encryption')
  const etag = headers.get('etag')?.replace(/"/g, '').toLowerCase() ?? ''
  const isMd5 = /^[0-9a-f]{32}$/.test(etag) && (encryption === null || encryption === 'AES256')
  return !isMd5 || etag === md5
}
