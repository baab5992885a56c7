import { Readable } from 'node:stream'
import { ZipFile } from 'yazl'

/** A file of a zip. */
export interface ZipEntry {
  readonly name: string
  /** In bytes; null if it is not known yet. */
  readonly size: number | null
  /** Called when it is the file's turn. Rejects if the file cannot be read. */
  readonly open: () => Promise<Readable>
}

/** The size of the zip of these files, in bytes; null if that of a file is not known. */
export function zipSize(entries: readonly ZipEntry[], modifiedAtMs: number): number | null {
  return fillZip(entries, modifiedAtMs, () => {}).size
}

/**
 * The zip of these files, as it is read: one file is open at a time, and what is not read of the zip is not read of the file.
 * Audio does not compress, so files are stored as they are. The zip fails if a file fails or has another size than it says, so
 * that a part never looks like the whole.
 */
export function zipFiles(entries: readonly ZipEntry[], modifiedAtMs: number): Readable {
  let current: Readable | null = null
  const { zip } = fillZip(entries, modifiedAtMs, ({ size, open }, give) => {
    void open().then((file) => {
      if (body.destroyed) {
        file.destroy()
        return
      }
      current = file
      let received = 0
      // Before its bytes are passed on: the zip would reach its length, and end, without the rest.
      file.on('data', ({ length }: Buffer) => {
        received += length
        if (size !== null && received > size) fail(new Error('A file of the zip is longer than it was.'))
      })
      file.once('error', fail)
      // Also without an error, if it was destroyed.
      file.once('close', () => {
        if (!file.readableEnded) fail(new Error('A file of the zip has broken off.'))
      })
      give(file)
    }, fail)
  })
  const body = streamOf(zip)
  const fail = (error: Error) => void body.destroy(error)
  zip.once('error', fail)
  body.once('close', () => current?.destroy())
  return body
}

type GiveFile = (entry: ZipEntry, give: (file: Readable) => void) => void

function fillZip(entries: readonly ZipEntry[], modifiedAtMs: number, onTurn: GiveFile) {
  const zip = new ZipFile()
  const mtime = new Date(modifiedAtMs)
  for (const entry of entries) {
    const size = entry.size === null ? {} : { size: entry.size }
    // Not at once: the first turn comes while the zip is still being filled.
    zip.addReadStreamLazy(entry.name, { compress: false, mtime, ...size }, (give) =>
      setImmediate(onTurn, entry, (file: Readable) => give(null, file)),
    )
  }
  let total: number | null = null
  zip.end({ forceZip64Format: false, comment: '' }, (size = -1) => {
    total = size < 0 ? null : size
  })
  return { zip, size: total }
}

/** The types of yazl promise less than it gives. */
function streamOf({ outputStream }: ZipFile): Readable {
  if (outputStream instanceof Readable) return outputStream
  throw new TypeError('The output of a zip is a stream.')
}
