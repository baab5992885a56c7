import { resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { describeError } from '../runtime/describe-error.ts'
import { isWritable, nearestFolder } from '../runtime/writable.ts'
import { describeArchive } from '../stems/archive/archive-url.ts'
import { openStorage } from '../stems/archive/open-storage.ts'
import { error, ok, warning, type Check, type Finding } from './check.ts'

/** A key that no copy has. */
const unusedKey = 'check-config'

/** Checks that the archive of stems can be reached. Writes nothing. */
export function archiveChecks({ archive }: Config): readonly Check[] {
  return archive === null ? [] : [{ name: 'archive', run: () => checkArchive(archive.location) }]
}

async function checkArchive(location: NonNullable<Config['archive']>['location']): Promise<Finding> {
  const name = describeArchive(location)
  if (location.kind === 'folder') {
    const folder = await nearestFolder(resolve(location.path))
    return (await isWritable(folder)) ? ok(`${name} can be written`) : error(`this user may not write in ${folder}`)
  }
  try {
    const storage = await openStorage(location)
    await storage.sizeOf(unusedKey)
    return ok(`${name} answers`)
  } catch (failure) {
    return warning(`${name} could not be read: ${describeError(failure)}`)
  }
}
