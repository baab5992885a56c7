import type { Command } from './command.ts'

/** The help of the program. */
export function programHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  const list = commands.map(({ name, summary }) => `  ${name.padEnd(width)}   ${summary}`)
  return `Shows and changes what the gateways of one database store. Gateways can keep running.

Usage: npm run admin -- <command> [options]    or: node dist/admin/main.js <command> [options]

Commands:
${list.join('\n')}

Options:
  --json       print the result as JSON
  --dry-run    with a command that changes something: print what it would do, and change nothing
  --version    print the version
  -h, --help   print this text, or the help of a command

Environment variables (node --env-file=.env dist/admin/main.js reads them from a file):
  DATABASE_URL   the database of the gateways, by default file:data/stemgate.db
                 DATABASE_URL_FILE names a file that holds it
Some commands read more of a gateway's environment; their help says so.

Whoever can run this can read every caller's tasks, and change them.

Exit codes: 0 if everything that was asked for is done, 1 otherwise.

The guide: docs/operator/commands.md`
}

/** The help of one command. */
export function commandHelp({ name, summary, details, usage, options, changes }: Command): string {
  const own = Object.entries(options).map(([option, { value, help }]) => ({
    left: value === undefined ? `--${option}` : `--${option} ${value}`,
    help,
  }))
  const all = [
    ...own,
    ...(changes ? [{ left: '--dry-run', help: 'print what would be done, and change nothing' }] : []),
    { left: '--json', help: 'print the result as JSON' },
    { left: '-h, --help', help: 'print this text' },
  ]
  const width = Math.max(...all.map(({ left }) => left.length))
  const call = `${name}${usage === '' ? '' : ` ${usage}`} [options]`
  return [
    `${summary}.`,
    '',
    `Usage: npm run admin -- ${call}`,
    `   or: node dist/admin/main.js ${call}`,
    '',
    ...(details === undefined ? [] : [details, '']),
    'Options:',
    ...all.map(({ left, help }) => `  ${left.padEnd(width)}   ${help}`),
    '',
    'The guide: docs/operator/commands.md',
  ].join('\n')
}
