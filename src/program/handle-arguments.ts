import { parseArgs } from 'node:util'
import { version } from '../runtime/version.ts'

/**
 * Handles the arguments of a program that takes only options without values. Prints the usage for --help and the version for
 * --version. Refuses unknown arguments without repeating them, since they may contain a secret.
 * @param own the options of this program
 * @returns the exit code; or the given options, if the program should run
 */
export function handleArguments(
  args: readonly string[],
  usage: string,
  own: readonly string[] = [],
): number | ReadonlySet<string> {
  const names = ['help', 'version', ...own]
  const options = Object.fromEntries(names.map((name) => [name, { type: 'boolean' as const }]))
  try {
    const { values } = parseArgs({ args: [...args], options: { ...options, help: { type: 'boolean', short: 'h' } } })
    const given = new Set(Object.keys(values))
    if (given.has('help')) console.log(usage)
    else if (given.has('version')) console.log(`stemgate ${version}`)
    else return given
    return 0
  } catch {
    const list = new Intl.ListFormat('en').format(names.map((name) => `--${name}`))
    console.error(`Unknown argument. The options are ${list}.\n\n${usage}`)
    return 1
  }
}
