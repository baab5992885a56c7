import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parseDatabaseUrl, urlWithoutPassword } from '../stores/database/database-url.ts'
import { UsageError } from '../runtime/usage-error.ts'

/** The paths of the source file and the copy. */
export interface BackupOptions {
  readonly from: string
  readonly to: string
}

const hint = ['', 'For example: npm run backup -- --to copy.db', 'For help: npm run backup -- --help'].join('\n')

/**
 * Parses the arguments. Throws UsageError.
 * @param databaseUrl the database to use without --from, as in DATABASE_URL
 */
export function readBackupOptions(args: readonly string[], databaseUrl: string): BackupOptions | 'help' | 'version' {
  const { from: source = databaseUrl, to: target, help: wantsHelp, version: wantsVersion } = readOptions(args)
  if (wantsHelp === true) return 'help'
  if (wantsVersion === true) return 'version'
  const database = parseDatabaseUrl(source) ?? parseDatabaseUrl(`file:${source}`)
  if (database === null || source === '') throw new UsageError(`--from must be file:<path>.\n${hint}`)
  if (database.kind === 'postgres') throw new UsageError(postgresHint(database.url))
  if (database.path === ':memory:')
    throw new UsageError('A database in memory cannot be backed up: only its gateway can read it.')
  if (statSync(database.path, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new UsageError(
      `The file ${database.path} does not exist. Set DATABASE_URL, or use --from file:<path>.\n${hint}`,
    )
  }
  if (target === undefined || target === '')
    throw new UsageError(`--to is missing. It names the file to write.\n${hint}`)
  const to = target.replace(/^file:/, '')
  if (/^postgres(ql)?:/.test(to))
    throw new UsageError('--to must be a file. To copy to PostgreSQL, use npm run move-store.')
  if (statSync(to, { throwIfNoEntry: false }) !== undefined) {
    throw new UsageError(`${to} exists and is not overwritten. Nothing was done.`)
  }
  return { from: database.path, to }
}

function readOptions(args: readonly string[]) {
  try {
    const options = {
      from: { type: 'string' },
      to: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
    } as const
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new UsageError(`Invalid options. The options are --to, --from, --help and --version.\n${hint}`, {
      cause: error,
    })
  }
}

/** How to back up PostgreSQL with its own tools. Leaves out the password of the URL. */
function postgresHint(url: string): string {
  return [
    'This database is PostgreSQL. Back it up with pg_dump; gateways can keep running:',
    '',
    `  pg_dump --format=custom --file=copy.dump ${urlWithoutPassword(url)}`,
    '',
    'To restore, stop all gateways, and restore into a new database:',
    '',
    '  pg_restore --no-owner --exit-on-error --dbname=<url of the new database> copy.dump',
    '',
    'Before the gateways start on it, pause the providers, or orders may be charged twice: see docs/operator/backup.md. For',
    'the password, set PGPASSWORD or use ~/.pgpass. Nothing was done.',
  ].join('\n')
}
