import { stat } from 'node:fs/promises'
import { StoreUnavailableError } from '../separation/errors.ts'

/** Throws if the path no longer leads to the file that was opened: what is written to that is gone after a restart. */
export type CheckDatabaseFile = () => Promise<void>

/** Remembers which file the path leads to now. */
export async function createCheckDatabaseFile(path: string): Promise<CheckDatabaseFile> {
  const own = await stat(path, { bigint: true })
  return async function checkDatabaseFile() {
    const found = await stat(path, { bigint: true }).catch(() => null)
    if (found?.ino === own.ino && found.dev === own.dev) return
    const what = found === null ? 'has been moved away or removed' : 'has been replaced by another one'
    throw new StoreUnavailableError('The store cannot be used now.', {
      cause: new Error(`The database file ${path} ${what} while it was open. Put it back, or restart the gateway.`),
    })
  }
}
