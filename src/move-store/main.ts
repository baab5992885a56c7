import { readMoveOptions, sameDatabaseMessage, type MoveOptions } from './move-options.ts'
import { describeError } from '../runtime/describe-error.ts'
import { formatCount, formatReport, secretsDifferText } from './move-report.ts'
import { copyStore, SecretsDifferError, UnusedSourceError, type CopyReport, type Progress } from './copy-store.ts'
import { describeDatabase, type DatabaseAddress } from '../stores/database-url.ts'
import { openDatabase } from './open-database.ts'
import { UsageError } from '../runtime/usage-error.ts'

/** Moves everything that one database holds to another one. */

const help = `Moves everything that Stemgate keeps (tasks, idempotency keys, callbacks, secrets) to another database.

  npm run move-store -- --from file:data/stemgate.db --to postgres://stemgate@db.example/stemgate

  --from <database>        where the tasks are now: file:<path> or postgres://<…>, as in DATABASE_URL
  --to <database>          where they are to be; an empty database, or a file that is made
  --keep-target-secrets    if the target has been used already: leaves it its secrets (you are told when you need it)
  --help                   this text

How to move:

  1. Stop every gateway that uses the source. No callback arrives meanwhile; the gateways ask for results afterwards,
     but an order whose answer was lost may need its callback. So be quick: minutes, not hours.
  2. Run this. It may be stopped at any moment and run again: it goes on where it stopped, and copies nothing twice.
  3. It says "The target holds everything." Start the gateways with DATABASE_URL set to the target.
  4. Keep the source until you have seen the gateways answer for old tasks and finish new ones, and a backup of the
     target exists. Never start a gateway on it again: an order that is sent to both would be charged twice. This
     program only reads from it (but brings its tables up to date first).

Tasks that the target holds in a later state than the source are left as they are, so it does no harm to run this once
more while gateways run on the target.

npm shows the command that it runs, and so may others on this machine: leave a password out of the address, and set
PGPASSWORD in the environment, or use ~/.pgpass.

It ends with 0 if the target holds everything, and with 1 otherwise.`

const everyMs = 1_000
const log = { debug() {}, info() {}, warn() {}, error() {} }

await main()

async function main(): Promise<void> {
  try {
    const options = readMoveOptions(process.argv.slice(2))
    if (options === 'help') {
      console.log(help)
      return
    }
    const report = await move(options)
    console.log(formatReport(report, options))
    if (!report.isComplete) process.exitCode = 1
  } catch (error) {
    console.error(error instanceof UsageError ? error.message : `It could not be done: ${describeError(error)}`)
    process.exitCode = 1
  }
}

async function move({ from, to, keepsTargetSecrets }: MoveOptions): Promise<CopyReport> {
  const source = await opened('source', from)
  try {
    const target = await opened('target', to)
    try {
      if (source.identity !== null && source.identity === target.identity) throw new UsageError(sameDatabaseMessage)
      console.log(`Moving ${describeDatabase(from)} to ${describeDatabase(to)}.`)
      return await copyStore({ source, target, keepsTargetSecrets, onProgress: createProgressLines() })
    } catch (error) {
      if (error instanceof UnusedSourceError) {
        throw new UsageError(`No gateway has ever used ${describeDatabase(from)}: look at --from. Nothing was copied.`)
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

async function opened(side: 'source' | 'target', database: DatabaseAddress) {
  try {
    return await openDatabase(database, log)
  } catch (error) {
    throw new UsageError(`The ${side}, ${describeDatabase(database)}, cannot be used: ${describeError(error)}`, {
      cause: error,
    })
  }
}

/** A line at the beginning, and then one every second. */
function createProgressLines() {
  let saidAt: number | null = null
  return ({ step, table, done, of }: Progress): void => {
    const now = performance.now()
    if (saidAt !== null && now - saidAt < everyMs) return
    saidAt = now
    console.log(`  ${step} ${table}: ${formatCount(done)} of ${formatCount(of)}`)
  }
}
