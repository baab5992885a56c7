import { closeSync, linkSync, openSync, rmSync, statSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { readBackupOptions, type BackupOptions } from './backup-options.ts'
import { describeError } from '../runtime/describe-error.ts'
import { readSecretFile } from '../runtime/secret-file.ts'
import { backUpFile, isSqliteFile } from './back-up-file.ts'
import { version } from '../runtime/version.ts'
import { UsageError } from '../runtime/usage-error.ts'

/** Backs up the SQLite file of running gateways. */

const help = `Copies the SQLite file with everything that Stemgate stores (tasks, idempotency keys, callbacks, secrets).

Usage: npm run backup -- --to copy.db    or: node dist/backup/main.js --to copy.db

Options:
  --to <file>          the copy; the file must not exist, and only you can read it
  --from file:<path>   the file to copy; by default the one that DATABASE_URL names
  --version            print the version
  -h, --help           print this text

Environment variables:
  DATABASE_URL         by default file:data/stemgate.db; DATABASE_URL_FILE names a file that holds it

Gateways can keep running: the copy is the state of the file at one moment. It needs as much disk space as the file,
and is checked before it gets its final name. To use a copy, stop the gateways and start them with
DATABASE_URL=file:copy.db, or replace the file with it (and delete the -wal and -shm files beside the old file).

The copy contains the secret that signs callback URLs: protect it like the file.

For PostgreSQL use pg_dump; this command prints how.

Exit codes: 0 if the copy is complete, 1 otherwise.

The guide: docs/operator/backup.md`

const progressIntervalMs = 1_000

if (isMainThread) void main()
else parentPort?.postMessage(backUpFile(String(workerData.from), String(workerData.to)), [])

async function main(): Promise<void> {
  try {
    const options = readBackupOptions(process.argv.slice(2), await databaseUrlOf(process.env))
    if (options === 'help') console.log(help)
    else if (options === 'version') console.log(`stemgate ${version}`)
    else await backUp(options)
  } catch (error) {
    console.error(error instanceof UsageError ? error.message : `The backup failed: ${describeError(error)}`)
    process.exitCode = 1
  }
}

/** The database of the gateways, as they find it. */
async function databaseUrlOf({ DATABASE_URL: url, DATABASE_URL_FILE: path }: NodeJS.ProcessEnv): Promise<string> {
  if (url?.trim()) return url.trim()
  if (!path?.trim()) return 'file:data/stemgate.db'
  const file = await readSecretFile(path.trim())
  if (file.kind === 'unusable') throw new UsageError(`DATABASE_URL_FILE ${file.problem}.`)
  return file.value
}

async function backUp({ from, to }: BackupOptions): Promise<void> {
  if (!isSqliteFile(from)) throw new UsageError(`${from} is not an SQLite file. Nothing was done.`)
  // The copy has this name until it is complete, so that a partial copy cannot be mistaken for a backup.
  const partial = `${to}.partial`
  createPrivateFile(partial)
  const deletePartial = () => rmSync(partial, { force: true })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      deletePartial()
      process.exit(1)
    })
  }
  const progress = setInterval(
    () => console.log(`  ${megabytes(partial)} of about ${megabytes(from)}`),
    progressIntervalMs,
  )
  try {
    console.log(`Copying ${from} to ${to}.`)
    const tasks = await copyInWorker({ from, to: partial })
    // A link fails if the file exists by now; a rename would overwrite it.
    linkSync(partial, to)
    console.log(
      `${to} is complete: ${megabytes(to)}, ${tasks === null ? 'not used by any gateway yet' : `${tasks} tasks`}.`,
    )
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

/** SQLite copies in one blocking call. A worker runs it, so that this thread can print the progress. */
function copyInWorker(options: BackupOptions): Promise<number | null> {
  return new Promise((resolve, reject) => {
    // This program, which the worker runs as well.
    const [, program = ''] = process.argv
    const worker = new Worker(program, { workerData: options })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('The worker ended without a result.')))
  })
}

function megabytes(path: string): string {
  return `${((statSync(path, { throwIfNoEntry: false })?.size ?? 0) / 1e6).toFixed(1)} MB`
}
