import { stat } from 'node:fs/promises'
import { StoreUnavailableError } from '../../separation/errors.ts'

/** Throws if the path no longer leads to the file that was opened: writes to that file would be lost at a restart. */
export type CheckDatabaseFile = () => Promise<void>

/** Records which file the path leads to now. */
export async function createCheckDatabaseFile(path: string): Promise<CheckDatabaseFile> {
  const opened = await stat(path, { bigint: true })
  return async function checkDatabaseFile() {
    const current = await stat(path, { bigint: true }).catch(() => null)
    if (current?.ino === opened.ino && current.dev === opened.dev) return
    const what = current === null ? 'moved or deleted' : 'replaced by another file'
    throw new StoreUnavailableError('The database is unavailable.', {
      cause: new Error(`The database file ${path} was ${what} while it was open. Put it back, or restart the gateway.`),
    })
  }
}
