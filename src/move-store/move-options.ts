import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parseDatabaseUrl, type DatabaseAddress } from '../stores/database/database-url.ts'
import { UsageError } from '../runtime/usage-error.ts'

/** The source, the target and the options of a move. */
export interface MoveOptions {
  readonly from: DatabaseAddress
  readonly to: DatabaseAddress
  readonly keepsTargetSecrets: boolean
}

export const sameDatabaseMessage = '--from and --to name the same database. Nothing was done.'

/** Parses the arguments. Throws UsageError. The messages do not repeat the values, which may contain a password. */
export function readMoveOptions(args: readonly string[]): MoveOptions | 'help' | 'version' {
  const {
    from,
    to,
    help: wantsHelp,
    version: wantsVersion,
    'keep-target-secrets': keepsTargetSecrets,
  } = readOptions(args)
  if (wantsHelp === true) return 'help'
  if (wantsVersion === true) return 'version'
  const mistakes = [...findMistakes('--from', from), ...findMistakes('--to', to)]
  const [source, target] = [parseDatabaseUrl(from ?? ''), parseDatabaseUrl(to ?? '')]
  if (source === null || target === null || mistakes.length > 0) throw new UsageError(withHint(mistakes))
  if (source.kind === 'sqlite') {
    const file = fileAt(source)
    // Opening a missing file would create it.
    if (file === null) throw new UsageError(withHint([`--from names a file that does not exist: ${source.path}.`]))
    if (file === fileAt(target)) throw new UsageError(sameDatabaseMessage)
  }
  return { from: source, to: target, keepsTargetSecrets: keepsTargetSecrets === true }
}

/** The device and inode of the database file; null if there is none. */
function fileAt(database: DatabaseAddress): string | null {
  if (database.kind !== 'sqlite') return null
  const file = statSync(database.path, { bigint: true, throwIfNoEntry: false })
  return file === undefined ? null : `${file.dev} ${file.ino}`
}

function readOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        from: { type: 'string' },
        to: { type: 'string' },
        'keep-target-secrets': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const mistake =
      code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL'
        ? 'Put --from or --to before each database, and -- before the options of npm run.'
        : code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE'
          ? '--from and --to need a value; the other options take none.'
          : 'Unknown option.'
    throw new UsageError(withHint([mistake]), { cause: error })
  }
}

function findMistakes(option: string, value: string | undefined): string[] {
  if (value === undefined || value === '') return [`${option} is missing.`]
  const database = parseDatabaseUrl(value)
  if (database === null) return [`${option} must be file:<path> or postgres://<…>.`]
  const isInMemory = database.kind === 'sqlite' && database.path === ':memory:'
  return isInMemory ? [`${option} must not be :memory:, which other processes cannot read.`] : []
}

function withHint(mistakes: readonly string[]): string {
  return [
    ...mistakes,
    '',
    'For example: npm run move-store -- --from file:data/stemgate.db --to postgres://stemgate@db.example/stemgate',
    'For help: npm run move-store -- --help',
  ].join('\n')
}
