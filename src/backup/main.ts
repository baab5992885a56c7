import { isMainThread } from 'node:worker_threads'
import { backUp } from './back-up.ts'
import { readBackupOptions } from './backup-options.ts'
import { copyForParent } from './copy-in-worker.ts'
import { describeError } from '../runtime/describe-error.ts'
import { readDatabaseUrl } from '../stores/database/read-database-address.ts'
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

if (isMainThread) void main()
else copyForParent()

async function main(): Promise<void> {
  try {
    const options = readBackupOptions(process.argv.slice(2), await readDatabaseUrl(process.env))
    if (options === 'help') console.log(help)
    else if (options === 'version') console.log(`stemgate ${version}`)
    else console.log(await backUp(options, { program: process.argv[1] ?? '', print: console.log, onStop }))
  } catch (error) {
    console.error(error instanceof UsageError ? error.message : `The backup failed: ${describeError(error)}`)
    process.exitCode = 1
  }
}

function onStop(clean: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      clean()
      process.exit(1)
    })
  }
}
