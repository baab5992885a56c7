import { backUp } from '../../backup/back-up.ts'
import { readBackupOptions } from '../../backup/backup-options.ts'
import { describeDatabase } from '../../stores/database/database-url.ts'
import type { Command } from '../command.ts'

/** As `npm run backup`, of the database that the environment names. */
export const backup: Command = {
  name: 'backup',
  summary: 'Copy the SQLite file while gateways work on it',
  details: 'The same as npm run backup -- --to <file>. For PostgreSQL, prints how to use pg_dump.',
  usage: '<file>',
  args: { min: 1, max: 1 },
  options: {},
  changes: true,
  async run({ args: [to = ''], isDryRun }, { database, program, note, onStop }) {
    const address = await database()
    const url = address.kind === 'sqlite' ? `file:${address.path}` : address.url
    const options = readBackupOptions(['--to', to], url)
    if (options === 'help' || options === 'version') throw new Error('A backup was asked for neither.')
    const json = { ...options, isCopied: !isDryRun }
    if (isDryRun) {
      return { text: `${describeDatabase(address)} would be copied to ${options.to}. Nothing was done.`, json }
    }
    return { text: await backUp(options, { program, print: note, onStop }), json }
  },
}
