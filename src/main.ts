import { startApp } from './app.ts'
import { ConfigError } from './config/config.ts'
import { readSettings, type Settings } from './config/settings.ts'
import { createEnvironmentSource, type EnvironmentSource } from './program/environment-source.ts'
import { handleArguments } from './program/handle-arguments.ts'
import { serve } from './program/serve.ts'

const usage = `Starts a Stemgate gateway, which runs until a signal stops it.

  npm start                    (or: node dist/main.js)

Environment variables configure it, for example:

  PORT=4001 npm start          listen on another port
  KIE_API_KEY=<key> npm start  order at kie.ai; without a provider's key, the sandbox answers

docs/operator.md lists all variables.`

void main()

async function main(): Promise<void> {
  const exitCode = handleArguments(process.argv.slice(2), usage)
  if (exitCode !== null) {
    process.exitCode = exitCode
    return
  }
  const source = createEnvironmentSource(process.env, process.execArgv)
  const settings = await readSettingsOf(source)
  if (settings === null) process.exitCode = 1
  else await serve(settings, source, startApp)
}

async function readSettingsOf(source: EnvironmentSource): Promise<Settings | null> {
  try {
    return await readSettings(source.read())
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(
      `Stemgate cannot start with this environment:\n${error.mistakes.map((each) => `  - ${each}`).join('\n')}`,
    )
    return null
  }
}
