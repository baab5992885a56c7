import { ConfigError } from '../config/config.ts'
import type { Environment } from '../config/environment.ts'
import { createProgramLog } from '../program/program-log.ts'
import { describeError } from '../runtime/describe-error.ts'
import { UsageError } from '../runtime/usage-error.ts'
import { version } from '../runtime/version.ts'
import type { AdminContext, Command, CommandResult } from './command.ts'
import { commands } from './commands.ts'
import { commandHelp, programHelp } from './help.ts'
import { createContext } from './open-context.ts'
import { parseInput } from './parse-input.ts'
import { formatJson } from './table.ts'

/** What the program gives the commands. */
export interface AdminProgram extends Pick<AdminContext, 'program' | 'note' | 'onStop'> {
  readonly environment: Environment
}

/** What the program prints at its end. */
export interface AdminOutput {
  readonly code: 0 | 1
  readonly stdout: string
  readonly stderr: string
}

/** How long the end waits for the log to be read. */
const flushTimeoutMs = 1_000

/** Runs one command. Never rejects. */
export async function runAdmin(args: readonly string[], program: AdminProgram): Promise<AdminOutput> {
  const [first, ...rest] = args
  if (first === undefined) return refused(programHelp(commands))
  if (first === '--version') return printed(`stemgate ${version}`)
  const name = first.trim().toLowerCase()
  const isHelp = name === 'help'
  // `help <command>` is `<command> --help`.
  if (name === '--help' || name === '-h' || (isHelp && rest[0] === undefined)) return printed(programHelp(commands))
  const named = isHelp ? rest[0]?.trim().toLowerCase() : name
  const command = commands.find((each) => each.name === named)
  if (command === undefined) {
    const names = new Intl.ListFormat('en').format(commands.map((each) => each.name))
    // The word is not repeated: it may contain a secret.
    return refused(`Unknown command. The commands are ${names}.\nFor help: npm run admin -- --help`)
  }
  try {
    const parsed = parseInput(command, isHelp ? ['--help'] : rest)
    if (parsed.kind === 'help') return printed(commandHelp(command))
    const { text, json, isDone = true } = await runCommand(command, parsed.input, program)
    return { code: isDone ? 0 : 1, stdout: parsed.form === 'json' ? formatJson(json) : text, stderr: '' }
  } catch (error) {
    return refused(describeFailure(error, command))
  }
}

async function runCommand(
  command: Command,
  input: Parameters<Command['run']>[0],
  program: AdminProgram,
): Promise<CommandResult> {
  const { log, flush } = createProgramLog({ level: 'info', format: null, instance: null })
  const context = createContext({ ...program, log })
  try {
    return await command.run(input, context)
  } finally {
    await context.close()
    await flush(flushTimeoutMs)
  }
}

function describeFailure(error: unknown, { name }: Command): string {
  if (error instanceof UsageError) return error.message
  if (error instanceof ConfigError) {
    return `The environment has mistakes:\n${error.mistakes.map((mistake) => `  - ${mistake}`).join('\n')}`
  }
  return `${name} failed: ${describeError(error)}`
}

function printed(text: string): AdminOutput {
  return { code: 0, stdout: text, stderr: '' }
}

function refused(text: string): AdminOutput {
  return { code: 1, stdout: '', stderr: text }
}
