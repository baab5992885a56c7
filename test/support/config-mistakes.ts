import { ConfigError, parseConfig } from '../../src/config/config.ts'

/** The mistakes in an environment; empty if it is valid. */
export function mistakesIn(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    parseConfig(environment)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes
    throw error
  }
}
