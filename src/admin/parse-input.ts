import { parseArgs } from 'node:util'
import { UsageError } from '../runtime/usage-error.ts'
import type { Command, CommandInput } from './command.ts'

/** The options of every command. */
const common = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** A command's input, or that its help is asked for. */
export type ParsedInput =
  { readonly kind: 'help' } | { readonly kind: 'run'; readonly input: CommandInput; readonly form: 'text' | 'json' }

/**
 * Parses what follows the name of a command. Throws UsageError, which repeats nothing of what was typed: it may contain a
 * secret.
 */
export function parseInput(command: Command, args: readonly string[]): ParsedInput {
  const own = Object.entries(command.options).map(([name, { value, multiple = false }]) => [
    name,
    value === undefined ? { type: 'boolean' as const } : { type: 'string' as const, multiple },
  ])
  const dryRun = command.changes ? { 'dry-run': { type: 'boolean' as const } } : {}
  const { values, positionals } = parse(command, args, { ...Object.fromEntries(own), ...dryRun, ...common })
  if (values['help'] === true) return { kind: 'help' }

  const given = positionals.map((text) => text.trim()).filter((text) => text !== '')
  const { min, max } = command.args
  if (given.length < min) throw new UsageError(`${command.usage} is missing.\n${hintFor(command)}`)
  if (given.length > max) {
    const limit = max === 0 ? 'no arguments' : `at most ${max} argument${max === 1 ? '' : 's'}`
    throw new UsageError(`${command.name} takes ${limit}, not ${given.length}.\n${hintFor(command)}`)
  }
  const textsOf = (name: string) =>
    [values[name] ?? []]
      .flat()
      .flatMap((value) => (typeof value === 'string' ? [value.trim()] : []))
      .flatMap((value) => (command.options[name]?.multiple === true ? value.split(',') : value))
      .map((value) => value.trim())
  for (const [name, { value }] of Object.entries(command.options)) {
    if (value !== undefined && textsOf(name).includes('')) throw new UsageError(`--${name} must not be empty.`)
  }
  const input: CommandInput = {
    args: given,
    isDryRun: values['dry-run'] === true,
    has: (name) => values[known(command, name)] === true,
    text: (name) => textsOf(known(command, name))[0] ?? null,
    texts: (name) => textsOf(known(command, name)),
  }
  return { kind: 'run', input, form: values['json'] === true ? 'json' : 'text' }
}

type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

function parse(
  command: Command,
  args: readonly string[],
  options: NonNullable<Parameters<typeof parseArgs>[0]>['options'],
): { readonly values: Values; readonly positionals: readonly string[] } {
  try {
    return parseArgs({ args: [...args], options: options ?? {}, allowPositionals: true })
  } catch (error) {
    const names = Object.keys(options ?? {}).map((name) => `--${name}`)
    const list = new Intl.ListFormat('en').format(names)
    const message = `Invalid options. The options of ${command.name} are ${list}.`
    throw new UsageError(`${message}\n${hintFor(command)}`, { cause: error })
  }
}

function hintFor({ name }: Command): string {
  return `For help: npm run admin -- ${name} --help`
}

function known(command: Command, name: string): string {
  if (name in command.options) return name
  throw new Error(`The command ${command.name} has no option ${name}.`)
}
