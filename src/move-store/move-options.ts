import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parseDatabaseUrl, type DatabaseAddress } from '../stores/database-url.ts'
import { UsageError } from '../runtime/usage-error.ts'

/** What is to be moved where. */
export interface MoveOptions {
  readonly from: DatabaseAddress
  readonly to: DatabaseAddress
  readonly keepsTargetSecrets: boolean
}

export const sameDatabaseMessage = '--from and --to name the same database. Nothing was done.'

/** Reads the options. Throws UsageError; what was given is never repeated, since it may hold a password. */
export function readMoveOptions(args: readonly string[]): MoveOptions | 'help' {
  const { from, to, help: wantsHelp, 'keep-target-secrets': keepsTargetSecrets } = readOptions(args)
  if (wantsHelp === true) return 'help'
  const mistakes = [...mistakesIn('--from', from), ...mistakesIn('--to', to)]
  const [source, target] = [parseDatabaseUrl(from ?? ''), parseDatabaseUrl(to ?? '')]
  if (source === null || target === null || mistakes.length > 0) throw new UsageError(withHint(mistakes))
  if (source.kind === 'sqlite') {
    const file = fileAt(source)
    // It would be made.
    if (file === null) throw new UsageError(withHint([`There is no file ${source.path}, which --from names.`]))
    if (file === fileAt(target)) throw new UsageError(sameDatabaseMessage)
  }
  return { from: source, to: target, keepsTargetSecrets: keepsTargetSecrets === true }
}

/** Which file it is, whatever its name; null if there is none. */
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
      },
    }).values
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const mistake =
      code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL'
        ? 'Each database needs --from or --to before it. npm takes options for itself unless -- stands before them.'
        : code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE'
          ? '--from and --to need a database behind them, the other options nothing.'
          : 'An option is not known.'
    throw new UsageError(withHint([mistake]), { cause: error })
  }
}

function mistakesIn(option: string, value: string | undefined): string[] {
  if (value === undefined || value === '') return [`${option} is missing.`]
  const database = parseDatabaseUrl(value)
  if (database === null) return [`${option} must be file:<path> or postgres://<…>.`]
  const isInMemory = database.kind === 'sqlite' && database.path === ':memory:'
  return isInMemory ? [`${option} must not be :memory:, which no other program can read.`] : []
}

function withHint(mistakes: readonly string[]): string {
  return [
    ...mistakes,
    '',
    'For example: npm run move-store -- --from file:data/stemgate.db --to postgres://stemgate@db.example/stemgate',
    'npm run move-store -- --help tells more.',
  ].join('\n')
}
