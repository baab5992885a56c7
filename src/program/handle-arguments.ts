import { parseArgs } from 'node:util'

/**
 * Handles the arguments of a program whose only option is --help: prints the usage, or refuses unknown arguments without
 * repeating them, since they may contain a secret.
 * @returns the exit code; null if there are no arguments and the program should run
 */
export function handleArguments(args: readonly string[], usage: string): number | null {
  try {
    const { help } = parseArgs({ args: [...args], options: { help: { type: 'boolean', short: 'h' } } }).values
    if (help !== true) return null
    console.log(usage)
    return 0
  } catch {
    console.error(`The only argument is --help.\n\n${usage}`)
    return 1
  }
}
