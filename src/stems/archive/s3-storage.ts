import { createHash, randomUUID, type Hash } from 'node:crypto'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { S3mini } from 's3mini'
import { archiveKey, ArchiveError, type ArchiveStorage, type IncomingFile } from './archive-storage.ts'
import type { ArchiveLocation } from './archive-url.ts'
import { orFolderError } from './folder-failure.ts'
import { isMissing, orArchiveError as attempt, statusOf } from './s3-failure.ts'
import { fetchWithin, hasArrived, openedFile, streamOf } from './s3-transfer.ts'
import { writeAll } from './write-all.ts'

/** How long the server may take to begin its answer, in milliseconds; for an upload, in addition to the time that it takes. */
const answerMs = 30_000
/** An upload that is slower than this is given up. In bytes per millisecond. */
const minUploadRate = 50

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
      const file = await onTemporary(openUnnamedFile)
      const md5: Hash = createHash('md5')
      return {
        write(chunk) {
          md5.update(chunk)
          return onTemporary(() => writeAll(file, chunk))
        },
        store: (key, sizeBytes, signal) => attempt(() => upload(key, file, sizeBytes, md5.digest('hex'), signal)),
        close: () => onTemporary(() => file.close()),
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

    removeTask: (taskId, sha256s) =>
      attempt(async () => {
        for (const sha256 of sha256s) await client().deleteObject(objectOf(archiveKey(taskId, sha256)))
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

function onTemporary<T>(work: () => Promise<T>): Promise<T> {
  return orFolderError('The folder for temporary files (TMPDIR)', work)
}

/** A file that goes with its descriptor, also if the process is killed. */
async function openUnnamedFile(): Promise<FileHandle> {
  const path = join(tmpdir(), `stemgate-${randomUUID()}`)
  const file = await open(path, 'wx+', 0o600)
  await unlink(path)
  return file
}
