import type { Config } from '../config/config.ts'
import { checkRedisAnswers } from '../coordination/check-redis.ts'
import { describeError } from '../runtime/describe-error.ts'
import { urlWithoutPassword } from '../stores/database/database-url.ts'
import { inspectDatabase } from '../stores/inspect-database.ts'
import { addressChecks } from './check-addresses.ts'
import { archiveChecks } from './check-archive.ts'
import { callerChecks } from './check-callers.ts'
import { databaseChecks } from './check-database.ts'
import { providerChecks } from './check-providers.ts'
import { traceChecks } from './check-traces.ts'
import { error, ok, runChecks, type Check, type CheckResult } from './check.ts'

/**
 * Checks what a start with this configuration would need. Starts no gateway, orders nothing, and changes nothing in the
 * database. Never rejects.
 */
export function checkConfig(config: Config): Promise<readonly CheckResult[]> {
  const { database } = config
  const inspection = inspectDatabase(database)
  return runChecks([
    { name: 'environment', run: async () => ok('all variables are valid') },
    ...databaseChecks(database, inspection),
    ...redisChecks(config),
    ...providerChecks(config),
    ...archiveChecks(config),
    ...callerChecks(config),
    ...traceChecks(config),
    ...addressChecks(
      config,
      inspection.then(({ isNew }) => isNew),
    ),
  ])
}

/** The result if the environment itself has mistakes: nothing else can be checked. */
export function environmentResults(mistakes: readonly string[]): readonly CheckResult[] {
  return mistakes.map((message) => ({ check: 'environment', status: 'error', message }))
}

function redisChecks({ database, redisUrl }: Config): readonly Check[] {
  if (redisUrl !== null) return [checkRedis(redisUrl)]
  if (database.kind === 'sqlite') return []
  const message = 'is not used: several gateways share the rates, and learn of each other’s changes in about a second'
  return [{ name: 'redis', run: async () => ok(message) }]
}

function checkRedis(url: string): Check {
  return {
    name: 'redis',
    async run() {
      const name = urlWithoutPassword(url)
      try {
        await checkRedisAnswers(url)
        return ok(`${name} answers and runs scripts`)
      } catch (failure) {
        return error(`${name} cannot be used: ${describeError(failure)}`)
      }
    },
  }
}
