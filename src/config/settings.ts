import { parseConfig, type Config } from './config.ts'
import type { Environment } from './environment.ts'
import { readSecretFiles, type SecretFiles } from './secret-files.ts'

/** What a gateway is started with. */
export interface Settings {
  readonly environment: Environment
  readonly files: SecretFiles
  readonly config: Config
}

/** Reads the files that the environment names, and parses everything. Throws ConfigError with all mistakes. */
export async function readSettings(environment: Environment): Promise<Settings> {
  const files = await readSecretFiles(environment)
  return { environment, files, config: parseConfig(environment, files) }
}
