import { crc32 } from 'node:zlib'
import { fromBufferPromise } from 'yauzl'

/** A file of a zip. */
export interface Unzipped {
  readonly name: string
  readonly bytes: Buffer
  readonly isCompressed: boolean
  readonly modifiedAt: Date
}

/** Reads a zip as strictly as the library can: throws if sizes, checksums or names are wrong. */
export async function unzip(zip: Buffer): Promise<readonly Unzipped[]> {
  const options = { lazyEntries: true, validateEntrySizes: true, strictFileNames: true, decodeStrings: true }
  const opened = await fromBufferPromise(zip, options)
  const files: Unzipped[] = []
  for await (const entry of opened.eachEntry()) {
    const chunks: Buffer[] = []
    for await (const chunk of await opened.openReadStreamPromise(entry)) chunks.push(Buffer.from(chunk))
    const bytes = Buffer.concat(chunks)
    if (crc32(bytes) !== entry.crc32) throw new Error(`The checksum of ${entry.fileName} is wrong.`)
    const isCompressed = entry.compressionMethod !== 0
    files.push({ name: entry.fileName, bytes, isCompressed, modifiedAt: entry.getLastModDate() })
  }
  if (files.length !== opened.entryCount) throw new Error('The zip has another number of files than it says.')
  return files
}
