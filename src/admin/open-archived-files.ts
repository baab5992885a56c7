import type { Config } from '../config/config.ts'
import type { ArchivedFiles } from '../separation/purge/delete-tasks.ts'
import { openStorage } from '../stems/archive/open-storage.ts'

/** The archive of the gateways. */
export interface OpenArchivedFiles {
  readonly files: ArchivedFiles
  close(): void
}

/** null if no archive is configured. */
export async function openArchivedFiles({ archive }: Pick<Config, 'archive'>): Promise<OpenArchivedFiles | null> {
  if (archive === null) return null
  const { removeTask, close } = await openStorage(archive.location)
  return { files: { removeCopies: removeTask }, close }
}
