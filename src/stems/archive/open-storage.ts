import type { ArchiveLocation } from './archive-url.ts'
import type { ArchiveStorage } from './archive-storage.ts'
import { createFolderStorage } from './folder-storage.ts'

/** Opens the storage of the archive. Reaches for nothing yet. */
export async function openStorage(location: ArchiveLocation): Promise<ArchiveStorage> {
  if (location.kind === 'folder') return createFolderStorage(location.path)
  // Loaded only if it is needed.
  const { createS3Storage } = await import('./s3-storage.ts')
  return createS3Storage(location)
}
