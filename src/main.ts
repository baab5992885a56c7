import { startApp } from './app.ts'
import { ConfigError, parseConfig, type Config } from './config/config.ts'
import { serve } from './program/serve.ts'

const config = readConfig()
if (config === null) process.exitCode = 1
else await serve(config, startApp)

function readConfig(): Config | null {
  try {
    return parseConfig(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(
      `Stemgate cannot start with this environment:\n${error.mistakes.map((each) => `  - ${each}`).join('\n')}`,
    )
    return null
  }
}
