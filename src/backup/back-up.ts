import { closeSync, linkSync, openSync, rmSync, statSync } from 'node:fs'
import { UsageError } from '../runtime/usage-error.ts'
import { isSqliteFile } from './back-up-file.ts'
import type { BackupOptions } from './backup-options.ts'
import { copyInWorker } from './copy-in-worker.ts'

/** What a backup needs of its program. */
export interface BackupProgram {
  /** See `copyInWorker`. */
  readonly program: string
  /** Prints a line about the progress. */
  readonly print: (line: string) => void
  /** Calls `clean` before the program ends by a signal. */
  readonly onStop: (clean: () => void) => void
}

const progressIntervalMs = 1_000

/** Writes the copy. Resolves to a line that says what it contains. Throws UsageError if nothing was done. */
export async function backUp({ from, to }: BackupOptions, { program, print, onStop }: BackupProgram): Promise<string> {
  if (!isSqliteFile(from)) throw new UsageError(`${from} is not an SQLite file. Nothing was done.`)
  // The copy has this name until it is complete, so that a partial copy cannot be mistaken for a backup.
  const partial = `${to}.partial`
  createPrivateFile(partial)
  const deletePartial = () => rmSync(partial, { force: true })
  onStop(deletePartial)
  const progress = setInterval(() => print(`  ${megabytes(partial)} of about ${megabytes(from)}`), progressIntervalMs)
  try {
    print(`Copying ${from} to ${to}.`)
    const tasks = await copyInWorker(program, { from, to: partial })
    // A link fails if the file exists by now; a rename would overwrite it.
    linkSync(partial, to)
    return `${to} is complete: ${megabytes(to)}, ${tasks === null ? 'not used by any gateway yet' : `${tasks} tasks`}.`
  } finally {
    clearInterval(progress)
    deletePartial()
  }
}

/** Creates an empty file that only its owner can read. */
function createPrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    const message = `${path} exists: another backup is running, or one was killed. Delete it if no backup is running.`
    throw exists ? new UsageError(message, { cause: error }) : error
  }
}

function megabytes(path: string): string {
  return `${((statSync(path, { throwIfNoEntry: false })?.size ?? 0) / 1e6).toFixed(1)} MB`
}
