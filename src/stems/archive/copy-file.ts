import { createHash } from 'node:crypto'
import { formatOf, isTextPage, signatureBytes, type AudioFormat } from '../audio-format.ts'
import type { OpenFile, StemOfTask, StemSource } from '../stem-source.ts'
import { archiveKey, type ArchiveStorage, type IncomingFile } from './archive-storage.ts'

export interface CopyFileOptions {
  /** Where the file is copied from. */
  readonly source: Pick<StemSource, 'open'>
  readonly storage: Pick<ArchiveStorage, 'receive'>
  readonly maxFileBytes: number
  /** How long the provider's server may send nothing, in milliseconds. */
  readonly stallMs: number
}

/** The result of an attempt to copy a file. */
export type CopyOutcome =
  | {
      readonly kind: 'copied'
      readonly sha256: string
      readonly sizeBytes: number
      readonly format: AudioFormat | null
    }
  /** The file cannot be copied, now or later. */
  | { readonly kind: 'ended'; readonly why: 'gone' | 'too-large' }
  /** The file may be copied later. */
  | { readonly kind: 'failed'; readonly why: string }

/** The longest time that one file may take, in milliseconds. */
const maxCopyMs = 60 * 60_000

/**
 * Copies the file of a stem into the archive, unless it breaks off, is too large, or is no audio file. Rejects with ArchiveError if
 * the archive fails, and when the signal aborts.
 */
export async function copyFile(stem: StemOfTask, options: CopyFileOptions, signal: AbortSignal): Promise<CopyOutcome> {
  const { source, storage, maxFileBytes } = options
  const ending = AbortSignal.any([signal, AbortSignal.timeout(maxCopyMs)])
  const file = await source.open(stem, null, ending)
  signal.throwIfAborted()
  if (file.kind === 'not-found' || file.kind === 'gone') return { kind: 'ended', why: 'gone' }
  if (file.kind !== 'open') return { kind: 'failed', why: file.kind }
  if (file.size !== null && file.size > maxFileBytes) {
    file.body.destroy()
    return { kind: 'ended', why: 'too-large' }
  }
  let incoming: IncomingFile | null = null
  try {
    incoming = await storage.receive()
    const received = await receiveFile(stem, file, incoming, options)
    signal.throwIfAborted()
    if (received.kind === 'copied') {
      await incoming.store(archiveKey(stem.task.id, received.sha256), received.sizeBytes, signal)
    }
    return received
  } finally {
    file.body.destroy()
    await incoming?.close()
  }
}

async function receiveFile(
  { stem }: StemOfTask,
  { body, size, contentType }: OpenFile,
  incoming: IncomingFile,
  { maxFileBytes, stallMs }: CopyFileOptions,
): Promise<CopyOutcome> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  let head = Buffer.alloc(0)
  const stall = setTimeout(() => body.destroy(new Error('stalled')), stallMs)
  try {
    const chunks = body[Symbol.asyncIterator]()
    for (;;) {
      const next = await nextOf(chunks)
      if (next === 'broken') return { kind: 'failed', why: 'the file broke off' }
      if (next === null) break
      stall.refresh()
      sizeBytes += next.length
      if (sizeBytes > maxFileBytes) return { kind: 'ended', why: 'too-large' }
      if (head.length < signatureBytes) head = Buffer.concat([head, next.subarray(0, signatureBytes)])
      hash.update(next)
      await incoming.write(next)
    }
  } finally {
    clearTimeout(stall)
  }
  if (size !== null && size !== sizeBytes)
    return { kind: 'failed', why: 'the file has another length than was announced' }
  if (sizeBytes === 0 || isTextPage(contentType, head)) return { kind: 'failed', why: 'the answer is no audio file' }
  const format = formatOf({ firstBytes: head, contentType, url: stem.url.value })
  return { kind: 'copied', sha256: hash.digest('hex'), sizeBytes, format }
}

/** The next chunk; null at the end. An error of the source differs from one of the archive. */
async function nextOf(chunks: AsyncIterator<unknown>): Promise<Buffer | null | 'broken'> {
  try {
    const { value, done } = await chunks.next()
    if (done === true) return null
    return Buffer.isBuffer(value) ? value : 'broken'
  } catch {
    return 'broken'
  }
}
