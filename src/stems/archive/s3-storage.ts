import { createHash, randomUUID, type Hash } from 'node:crypto'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { S3mini, S3ServiceError } from 's3mini'
import type { OpenFile } from '../stem-source.ts'
import { ArchiveError, type ArchiveStorage, type IncomingFile } from './archive-storage.ts'
import type { ArchiveLocation } from './archive-url.ts'
import { writeAll } from './write-all.ts'

/** How long the server may take to begin its answer, in milliseconds; for an upload, in addition to the time that it takes. */
const answerMs = 30_000
/** An upload that is slower than this is given up. In bytes per millisecond. */
const minUploadRate = 50
const chunkBytes = 65_536
const rangePattern = /^bytes (\d+)-(\d+)\/(\d+)$/

/** Keeps the copies in a bucket of an S3 server, addressed by path. */
export function createS3Storage(location: Extract<ArchiveLocation, { kind: 's3' }>): ArchiveStorage {
  const { endpoint, bucket, prefix, region, accessKeyId, secretAccessKey } = location
  const objectOf = (key: string) => (prefix === '' ? key : `${prefix}/${key}`)

  /** A client for one request. To create one costs nothing. */
  function client(signal: AbortSignal | null = null, timeoutMs = answerMs): S3mini {
    return new S3mini({
      endpoint: `${endpoint}/${bucket}`,
      region,
      accessKeyId,
      secretAccessKey,
      fetch: (url, init) => fetchWithin(url, init, timeoutMs, signal),
    })
  }

  async function upload(key: string, file: FileHandle, sizeBytes: number, md5: string, signal: AbortSignal) {
    const timeoutMs = answerMs + sizeBytes / minUploadRate
    const [type, headers] = ['application/octet-stream', undefined]
    const uploading = client(signal, timeoutMs)
    const answer = await uploading.putObject(objectOf(key), streamOf(file), type, headers, headers, sizeBytes)
    if (!hasArrived(answer.headers, md5)) {
      await client().deleteObject(objectOf(key))
      throw new ArchiveError('The S3 server has received other bytes than were sent.')
    }
  }

  return {
    async receive(): Promise<IncomingFile> {
      const file = await attempt(openUnnamedFile)
      const md5: Hash = createHash('md5')
      return {
        write(chunk) {
          md5.update(chunk)
          return attempt(() => writeAll(file, chunk))
        },
        store: (key, sizeBytes, signal) => attempt(() => upload(key, file, sizeBytes, md5.digest('hex'), signal)),
        close: () => attempt(() => file.close()),
      }
    },

    open: (key, span, signal) =>
      attempt(async () => {
        try {
          const last = span === null ? undefined : span.last + 1
          return openedFile(await client(signal).getObjectRaw(objectOf(key), span === null, span?.first, last))
        } catch (error) {
          const status = statusOf(error)
          if (isMissing(error)) return { kind: 'not-found' }
          if (status === 416) return { kind: 'unsatisfiable', size: null }
          throw error
        }
      }),

    sizeOf: (key) =>
      attempt(async () => {
        try {
          return await client().getContentLength(objectOf(key))
        } catch (error) {
          if (statusOf(error) === 404) return null
          throw error
        }
      }),

    remove: (key) =>
      attempt(async () => {
        await client().deleteObject(objectOf(key))
      }),

    check: () =>
      attempt(async () => {
        const key = objectOf(`.check-${randomUUID()}`)
        await client().putObject(key, 'Stemgate can write to this archive.')
        await client().deleteObject(key)
      }),

    close: () => {},
  }
}

/** A file that goes with its descriptor, also if the process is killed. */
async function openUnnamedFile(): Promise<FileHandle> {
  const path = join(tmpdir(), `stemgate-${randomUUID()}`)
  const file = await open(path, 'wx+', 0o600)
  await unlink(path)
  return file
}

/** The bytes of a file from its beginning, read as they are sent. */
function streamOf(file: FileHandle): ReadableStream<Uint8Array> {
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
async function fetchWithin(
  url: Parameters<typeof fetch>[0],
  init: RequestInit | undefined,
  timeoutMs: number,
  signal: AbortSignal | null,
): Promise<Response> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new ArchiveError('The S3 server does not answer.')), timeoutMs)
  try {
    const signals = signal === null ? [late.signal] : [late.signal, signal]
    // An upload sends its body before it receives anything.
    const options = { ...init, duplex: 'half', redirect: 'error', signal: AbortSignal.any(signals) } as const
    return await fetch(url, options)
  } finally {
    clearTimeout(timer)
  }
}

function openedFile({ body, headers, status }: Response): OpenFile {
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
function hasArrived(headers: Headers, md5: string): boolean {
  const encryption = headers.get('x-amz-server-side-encryption')
  const etag = headers.get('etag')?.replace(/"/g, '').toLowerCase() ?? ''
  const isMd5 = /^[0-9a-f]{32}$/.test(etag) && (encryption === null || encryption === 'AES256')
  return !isMd5 || etag === md5
}

async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ArchiveError) throw error
    // Not the error itself: an answer may repeat the access key.
    throw new ArchiveError(describeFailure(error))
  }
}

function describeFailure(error: unknown): string {
  const answer = serviceErrorOf(error)
  if (answer !== null) {
    const code = /^\w{1,60}$/.test(answer.serviceCode ?? '') ? ` ${answer.serviceCode}` : ''
    return `The S3 server answers ${answer.status}${code}.`
  }
  return `The S3 server cannot be reached: ${codeOf(error) ?? 'the request failed'}.`
}

/** The code of an error or of what caused it, such as ECONNREFUSED. */
function codeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  return 'code' in error && typeof error.code === 'string' ? error.code : codeOf(error.cause)
}

/** The server's refusal. The library wraps some of them. */
function serviceErrorOf(error: unknown): S3ServiceError | null {
  if (error instanceof S3ServiceError) return error
  return error instanceof Error && error.cause instanceof S3ServiceError ? error.cause : null
}

function statusOf(error: unknown): number | null {
  return serviceErrorOf(error)?.status ?? null
}

/** A missing bucket is no missing file. */
function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && serviceErrorOf(error)?.serviceCode !== 'NoSuchBucket'
}
