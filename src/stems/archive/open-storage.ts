import type { ArchiveAddress } from './archive-url.ts'
import type { ArchiveStorage } from './archive-storage.ts'
import { createFolderStorage } from './folder-storage.ts'

/** How a bucket is reached. */
export interface S3Access {
  /** The URL of the server, without the bucket and without a slash at its end. */
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Where the archive is, and how it is reached. */
export type ArchiveLocation =
  Extract<ArchiveAddress, { kind: 'folder' }> | (Extract<ArchiveAddress, { kind: 's3' }> & S3Access)

/** Opens the storage of the archive. Reaches for nothing yet. */
export async function openStorage(location: ArchiveLocation): Promise<ArchiveStorage> {
  if (location.kind === 'folder') return createFolderStorage(location.path)
  // Loaded only if it is needed.
  const { createS3Storage } = await import('./s3-storage.ts')
  return createS3Storage(location)
}
