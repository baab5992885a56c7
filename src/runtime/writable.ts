import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The path itself if something is there; otherwise the nearest folder above it. */
export async function nearestFolder(path: string): Promise<string> {
  const exists = await stat(path).catch(() => null)
  return exists !== null || dirname(path) === path ? path : nearestFolder(dirname(path))
}

/** Whether this user may read and write the file or folder. Writes nothing. */
export async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  )
}
