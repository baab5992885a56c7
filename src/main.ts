import { startApp } from './app.ts'
import { checkConfig, environmentResults } from './check-config/check-config.ts'
import { formatResults } from './check-config/format-results.ts'
import { ConfigError } from './config/config.ts'
import { readSettings } from './config/settings.ts'
import { createEnvironmentSource } from './program/environment-source.ts'
import { handleArguments } from './program/handle-arguments.ts'
import { serve } from './program/serve.ts'

const usage = `Starts a Stemgate gateway, which runs until a signal stops it.

Usage: npm start -- [options]    or: node dist/main.js [options]

Options:
  --check-config   check the environment, the database, Redis, the providers' keys, the ports and whether
                   PUBLIC_URL leads to a gateway, then exit; orders nothing, and changes nothing in the database
  --json           with --check-config: print the result as JSON
  --version        print the version
  -h, --help       print this text

Environment variables (node --env-file=.env dist/main.js reads them from a file):
  KIE_API_KEY, APIKLEY_API_KEY, SUNOAPI_API_KEY
                   each switches its provider on; without any, the sandbox answers and nothing is charged
  PUBLIC_URL       where providers reach the gateway with their callbacks
  HOST, PORT       where to listen; by default 127.0.0.1 and 4000
  DATABASE_URL     by default file:data/stemgate.db
  REDIS_URL        optional: tells several gateways of one database of changes at once
  API_KEYS, API_KEYS_FILE, JWT_JWKS_URL
                   who may order
  LOG_LEVEL        by default info
Each secret can be given in a file instead, for example KIE_API_KEY_FILE=<path>.

Signals: SIGTERM and SIGINT stop the gateway when its open orders are answered, a second one at once. SIGHUP reloads
the log level, the rates, the budget and the secrets from files.

Exit codes: 0 after a clean stop, or if --check-config finds no error; 1 otherwise.

The guide with all variables: docs/operator.md`

void main()

async function main(): Promise<void> {
  const given = handleArguments(process.argv.slice(2), usage, ['check-config', 'json'])
  if (typeof given === 'number') return exitWith(given)
  const form = given.has('json') ? 'json' : 'text'
  if (form === 'json' && !given.has('check-config')) {
    console.error('--json needs --check-config.')
    return exitWith(1)
  }
  const source = createEnvironmentSource(process.env, process.execArgv)
  const settings = await readSettings(source.read()).catch(mistakesOf)
  if (given.has('check-config')) {
    const results = 'config' in settings ? await checkConfig(settings.config) : environmentResults(settings)
    console.log(formatResults(results, form))
    // A check that has had no answer may still wait for one.
    process.exit(results.some(({ status }) => status === 'error') ? 1 : 0)
  }
  if ('config' in settings) return serve(settings, source, startApp)
  const list = settings.map((mistake) => `  - ${mistake}`).join('\n')
  console.error(`Stemgate cannot start with this environment:\n${list}`)
  exitWith(1)
}

function mistakesOf(error: unknown): readonly string[] {
  if (error instanceof ConfigError) return error.mistakes
  throw error
}

function exitWith(code: number): void {
  process.exitCode = code
}
