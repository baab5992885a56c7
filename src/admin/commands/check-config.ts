import { checkConfig as check, environmentResults } from '../../check-config/check-config.ts'
import { formatResults } from '../../check-config/format-results.ts'
import { ConfigError } from '../../config/config.ts'
import type { Command } from '../command.ts'

/** As `node dist/main.js --check-config`. */
export const checkConfig: Command = {
  name: 'check-config',
  summary: 'Check what a gateway with this environment would need',
  details:
    'Whether the database can be written, what the clock of PostgreSQL or of a provider shows, whether Redis answers, whether\n' +
    'each provider accepts the key (by reading the balance of the account), whether PUBLIC_URL leads to a gateway, and more.\n' +
    'Reads the whole environment of a gateway. The same as node dist/main.js --check-config. Changes nothing.',
  usage: '',
  args: { min: 0, max: 0 },
  options: {},
  changes: false,
  async run(_input, { settings }) {
    const results = await settings().then(({ config }) => check(config), resultsOfMistakes)
    const isDone = results.every(({ status }) => status !== 'error')
    return { text: formatResults(results, 'text'), json: JSON.parse(formatResults(results, 'json')), isDone }
  },
}

function resultsOfMistakes(error: unknown) {
  if (error instanceof ConfigError) return environmentResults(error.mistakes)
  throw error
}
