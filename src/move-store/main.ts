import { readMoveOptions, sameDatabaseMessage, type MoveOptions } from './move-options.ts'
import { describeError } from '../runtime/describe-error.ts'
import { formatCount, formatReport, secretsDifferText } from './move-report.ts'
import { copyStore, UnusedSourceError, type Progress } from './copy-store.ts'
import { SecretsDifferError } from './copy-secrets.ts'
import type { CopyReport } from './copy-report.ts'
import { describeDatabase, type DatabaseAddress } from '../stores/database/database-url.ts'
import { openDatabase } from './open-database.ts'
import { version } from '../runtime/version.ts'
import { UsageError } from '../runtime/usage-error.ts'

/** Moves the contents of one database to another. */

const help = `Moves everything that Stemgate stores (tasks, idempotency keys, callbacks, webhooks, tombstones, pauses, secrets) to
another database. Only when keys were last used is not moved.

Usage: npm run move-store -- --from <database> --to <database>    or: node dist/move-store/main.js …

For example: npm run move-store -- --from file:data/stemgate.db --to postgres://stemgate@db.example/stemgate

Options:
  --from <database>        the source: file:<path> or postgres://<…>, as in DATABASE_URL
  --to <database>          the target: an empty database, or a file, which is created if it is missing
  --keep-target-secrets    keep the secrets of a target that is in use (a message says when you need this option)
  --version                print the version
  -h, --help               print this text

Environment variables:
  PGPASSWORD               the password of PostgreSQL

How to move:

  1. Stop every gateway that uses the source. Callbacks are lost until the gateways run again. Most results are found
     anyway, but an order whose answer was lost needs its callback. Keep the interruption to minutes.
  2. Run this command. You can interrupt it at any time and run it again: it resumes and copies nothing twice.
  3. Wait for "The target holds everything." Then start the gateways with DATABASE_URL set to the target.
  4. Keep the source until the gateways have served old tasks and completed new ones, and you have a backup of the
     target. Never start a gateway on the source again: an order sent from both would be charged twice. This command
     migrates the source if necessary, and otherwise only reads it.

Tasks that are newer in the target than in the source are not changed, so you can run this command again while gateways
run on the target.

npm prints the command that it runs, and other users of this machine can see it. Leave the password out of the URL: set
PGPASSWORD in the environment, or use ~/.pgpass.

Exit codes: 0 if the target holds everything, 1 otherwise.

The guide: docs/operator/grow.md`

const progressIntervalMs = 1_000
const log = { debug() {}, info() {}, warn() {}, error() {} }

void main()

async function main(): Promise<void> {
  try {
    const options = readMoveOptions(process.argv.slice(2))
    if (options === 'help') {
      console.log(help)
      return
    }
    if (options === 'version') {
      console.log(`stemgate ${version}`)
      return
    }
    const report = await move(options)
    console.log(formatReport(report, options))
    if (!report.isComplete) process.exitCode = 1
  } catch (error) {
    console.error(error instanceof UsageError ? error.message : `The move failed: ${describeError(error)}`)
    process.exitCode = 1
  }
}

async function move({ from, to, keepsTargetSecrets }: MoveOptions): Promise<CopyReport> {
  const source = await open('source', from)
  try {
    const target = await open('target', to)
    try {
      if (source.identity !== null && source.identity === target.identity) throw new UsageError(sameDatabaseMessage)
      console.log(`Moving ${describeDatabase(from)} to ${describeDatabase(to)}.`)
      return await copyStore({ source, target, keepsTargetSecrets, onProgress: createProgressLines() })
    } catch (error) {
      if (error instanceof UnusedSourceError) {
        throw new UsageError(`No gateway has used ${describeDatabase(from)}. Check --from. Nothing was copied.`)
      }
      if (error instanceof SecretsDifferError) throw new UsageError(secretsDifferText(error.secrets), { cause: error })
      throw error
    } finally {
      await target.db.destroy()
    }
  } finally {
    await source.db.destroy()
  }
}

async function open(side: 'source' | 'target', database: DatabaseAddress) {
  try {
    return await openDatabase(database, log)
  } catch (error) {
    throw new UsageError(`The ${side}, ${describeDatabase(database)}, cannot be opened: ${describeError(error)}`, {
      cause: error,
    })
  }
}

/** Prints a line at the start, and then one per second. */
function createProgressLines() {
  let printedAtMs: number | null = null
  return ({ step, table, done, total }: Progress): void => {
    const nowMs = performance.now()
    if (printedAtMs !== null && nowMs - printedAtMs < progressIntervalMs) return
    printedAtMs = nowMs
    console.log(`  ${step} ${table}: ${formatCount(done)} of ${formatCount(total)}`)
  }
}
