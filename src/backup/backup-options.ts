import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parseDatabaseUrl, urlWithoutPassword } from '../stores/database-url.ts'
import { UsageError } from '../runtime/usage-error.ts'

/** Paths of files. */
export interface BackupOptions {
  readonly from: string
  readonly to: string
}

const hint = ['', 'For example: npm run backup -- --to copy.db', 'npm run backup -- --help tells more.'].join('\n')

/**
 * Reads the options.
 * @param databaseUrl the database of the gateways, as in DATABASE_URL, where the options name none
 * Throws UsageError if there is nothing that could be done.
 */
export function readBackupOptions(args: readonly string[], databaseUrl: string): BackupOptions | 'help' {
  const { from: source = databaseUrl, to: target, help: wantsHelp } = readOptions(args)
  if (wantsHelp === true) return 'help'
  const database = parseDatabaseUrl(source) ?? parseDatabaseUrl(`file:${source}`)
  if (database === null || source === '') throw new UsageError(`--from must be file:<path>.\n${hint}`)
  if (database.kind === 'postgres') throw new UsageError(postgresHint(database.url))
  if (database.path === ':memory:')
    throw new UsageError('A database in memory ends with its gateway: there is nothing to back up.')
  if (statSync(database.path, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new UsageError(
      `There is no file ${database.path} to back up: set DATABASE_URL, or give --from file:<path>.\n${hint}`,
    )
  }
  if (target === undefined || target === '') throw new UsageError(`--to is missing: the file to be written.\n${hint}`)
  const to = target.replace(/^file:/, '')
  if (/^postgres(ql)?:/.test(to)) throw new UsageError('--to must be a file. npm run move-store copies to PostgreSQL.')
  if (statSync(to, { throwIfNoEntry: false }) !== undefined) {
    throw new UsageError(`${to} is there already and is not overwritten. Nothing was done.`)
  }
  return { from: database.path, to }
}

function readOptions(args: readonly string[]) {
  try {
    const options = { from: { type: 'string' }, to: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new UsageError(`The options could not be read: there are --to, --from and --help.\n${hint}`, { cause: error })
  }
}

/** What to do for PostgreSQL, which has tools of its own; without a password that the address may hold. */
function postgresHint(url: string): string {
  return [
    'This database is PostgreSQL, which backs up itself while gateways work on it:',
    '',
    `  pg_dump --format=custom --file=copy.dump ${urlWithoutPassword(url)}`,
    '',
    'and restores with pg_restore --clean --if-exists --dbname=<address> copy.dump while no gateway runs. Set PGPASSWORD',
    'or use ~/.pgpass for the password. Nothing was done.',
  ].join('\n')
}
