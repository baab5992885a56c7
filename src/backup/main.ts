import { closeSync, linkSync, openSync, rmSync, statSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { readBackupOptions, type BackupOptions } from './backup-options.ts'
import { describeError } from '../runtime/describe-error.ts'
import { backUpFile, isSqliteFile } from './back-up-file.ts'
import { UsageError } from '../runtime/usage-error.ts'

/** Backs up the file of SQLite that gateways work on. */

const help = `Writes a copy of the file that holds everything Stemgate keeps (tasks, idempotency keys, callbacks, secrets).

  npm run backup -- --to copy.db

  --to <file>              the copy; it must not be there yet, and can be read by you alone
  --from file:<path>       the file to be copied; by default DATABASE_URL, or else file:data/stemgate.db
  --help                   this text

Gateways may go on meanwhile: the copy is the file as it stands at one moment. It needs as much room as the file, and
is checked before it gets its name. To use a copy, stop the gateways and start them with DATABASE_URL=file:copy.db, or
put it in the place of the file (without the -wal and -shm files that may lie beside the old one).

The copy holds the secret that signs callback addresses: keep it as you keep the file.

For PostgreSQL use pg_dump; this program tells you how.

It ends with 0 if the copy is whole, and with 1 otherwise.`

const everyMs = 1_000

if (isMainThread) await main()
else parentPort?.postMessage(backUpFile(String(workerData.from), String(workerData.to)), [])

async function main(): Promise<void> {
  try {
    const databaseUrl = process.env['DATABASE_URL']?.trim() || 'file:data/stemgate.db'
    const options = readBackupOptions(process.argv.slice(2), databaseUrl)
    if (options === 'help') console.log(help)
    else await backUp(options)
  } catch (error) {
    console.error(error instanceof UsageError ? error.message : `It could not be done: ${describeError(error)}`)
    process.exitCode = 1
  }
}

async function backUp({ from, to }: BackupOptions): Promise<void> {
  if (!isSqliteFile(from)) throw new UsageError(`${from} is no file of SQLite's. Nothing was done.`)
  // Under this name until it is whole, so that nobody takes the half of a copy for one.
  const partial = `${to}.partial`
  makeFile(partial)
  const clear = () => rmSync(partial, { force: true })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      clear()
      process.exit(1)
    })
  }
  const progress = setInterval(() => console.log(`  ${megabytes(partial)} of some ${megabytes(from)}`), everyMs)
  try {
    console.log(`Copying ${from} to ${to}.`)
    const tasks = await copyInWorker({ from, to: partial })
    // Fails if somebody else has made the file meanwhile; a rename would not.
    linkSync(partial, to)
    console.log(
      `${to} is whole: ${megabytes(to)}, ${tasks === null ? 'not used by any gateway yet' : `${tasks} tasks`}.`,
    )
  } finally {
    clearInterval(progress)
    clear()
  }
}

/** Makes an empty file that its owner alone can read. */
function makeFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    const words = `${path} is there: another backup writes it, or one was killed. Delete it if none is running.`
    throw isThere ? new UsageError(words, { cause: error }) : error
  }
}

/** SQLite copies in one call; in a thread of its own, so that this one can tell how far it is. */
function copyInWorker(options: BackupOptions): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: options })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('The copying ended without a word.')))
  })
}

function megabytes(path: string): string {
  return `${((statSync(path, { throwIfNoEntry: false })?.size ?? 0) / 1e6).toFixed(1)} MB`
}
