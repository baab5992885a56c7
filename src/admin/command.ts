import type { DatabaseAddress } from '../stores/database/database-url.ts'
import type { Settings } from '../config/settings.ts'
import type { Log } from '../runtime/log.ts'
import type { Store } from '../separation/store/store.ts'

/** One command of `stemgate admin`. */
export interface Command {
  /** What is typed: lower-case words with hyphens. */
  readonly name: string
  /** What it does, in one line: an imperative without a full stop. */
  readonly summary: string
  /** More for its help, in lines of at most 120 characters. */
  readonly details?: string
  /** Its arguments as the help shows them, such as `<task id…>`; empty for none. */
  readonly usage: string
  /** How many arguments it takes. */
  readonly args: { readonly min: number; readonly max: number }
  readonly options: Readonly<Record<string, CommandOption>>
  /** Whether it changes anything. Then it has the option `--dry-run`, and must change nothing if that is given. */
  readonly changes: boolean
  /** May reject with UsageError, ConfigError and StoreUnavailableError. */
  readonly run: (input: CommandInput, context: AdminContext) => Promise<CommandResult>
}

export interface CommandOption {
  /** The value as the help shows it, such as `<provider>`; undefined for an option without a value. */
  readonly value?: string
  /** Whether the option may be repeated, or have several values with commas between them. */
  readonly multiple?: true
  /** What it does, in one line. */
  readonly help: string
}

/** What was typed after the name of a command. */
export interface CommandInput {
  /** At least `args.min`, and at most `args.max`. None is empty. */
  readonly args: readonly string[]
  readonly isDryRun: boolean
  /** Whether an option without a value is given. */
  has(option: string): boolean
  /** The value of an option; null if it is not given. Never empty. */
  text(option: string): string | null
  /** All values of an option that may have several. */
  texts(option: string): readonly string[]
}

/** What commands work with. */
export interface AdminContext {
  /**
   * The store of the gateways, opened when it is first asked for and closed at the end. Gateways can use it meanwhile. It is
   * never created and never migrated. Rejects with UsageError if that would be needed, or if it cannot be reached.
   */
  store(): Promise<Store>
  /** The database that the environment names. Rejects with UsageError. */
  database(): Promise<DatabaseAddress>
  /** All settings that a gateway would start with. Rejects with ConfigError, with all mistakes. */
  settings(): Promise<Settings>
  /** Where a change of a task is logged: standard error. */
  readonly log: Log
  /** Writes a line about the progress to standard error. */
  readonly note: (line: string) => void
  /** The path of this program, which does the work of the thread of a backup. */
  readonly program: string
  /** Calls `clean` before the program ends by a signal. */
  readonly onStop: (clean: () => void) => void
}

export interface CommandResult {
  /** For people. Without a line break at its end. */
  readonly text: string
  /** For `--json`: one value. Contains no secret. */
  readonly json: unknown
  /** Whether all that was asked for is done. Otherwise the exit code is 1. Default: true. */
  readonly isDone?: boolean
}
