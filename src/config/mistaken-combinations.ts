import { creditsMistake } from '../identity/credits-mistake.ts'
import { webhookMistakes } from '../identity/webhook-mistakes.ts'
import { isLoopback } from '../runtime/loopback.ts'
import { archiveMistakes } from './archive-config.ts'
import { separationTypes } from '../separation/task/separation-type.ts'
import { createWebhookAddresses } from '../webhooks/webhook-addresses.ts'
import type { ParsedEnvironment } from './environment.ts'

/**
 * What is wrong with the variables together, although each alone is valid. The mistakes contain no values.
 * @param set the variables that are set, as text
 * @param invalid the names of invalid variables: nothing is concluded from their absence in `env`
 */
export function mistakenCombinations(
  env: ParsedEnvironment,
  set: Readonly<Record<string, string>>,
  invalid: ReadonlySet<string>,
): readonly string[] {
  const mistakes: string[] = []
  if (env.REDIS_URL !== undefined && env.DATABASE_URL.kind === 'sqlite' && env.DATABASE_URL.path === ':memory:') {
    mistakes.push(
      'REDIS_URL has no use with DATABASE_URL=:memory:, which other gateways cannot read: ' +
        'unset it, or set DATABASE_URL to a database that the gateways share.',
    )
  }
  const isDatabaseValid = !invalid.has('DATABASE_URL') && !invalid.has('DATABASE_CONNECTIONS')
  if ('DATABASE_CONNECTIONS' in set && env.DATABASE_URL.kind === 'sqlite' && isDatabaseValid) {
    mistakes.push('DATABASE_CONNECTIONS has an effect on PostgreSQL only: unset it, or set DATABASE_URL=postgres://…')
  }
  const jwtNames = ['JWT_JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE'] as const
  const missing = jwtNames.filter((name) => !(name in set))
  if (missing.length > 0 && missing.length < jwtNames.length && !jwtNames.some((name) => invalid.has(name))) {
    mistakes.push(`Tokens need ${jwtNames.join(', ')}: set ${missing.join(' and ')} too, or none of them.`)
  }
  const callerNames = ['API_KEYS', 'API_KEYS_FILE', ...jwtNames, 'ALLOW_ANONYMOUS']
  const areCallersKnown = env.API_KEYS.length > 0 || env.API_KEYS_FILE !== undefined || env.JWT_JWKS_URL !== undefined
  if (
    !isLoopback(env.HOST) &&
    !areCallersKnown &&
    !env.ALLOW_ANONYMOUS &&
    !callerNames.some((name) => invalid.has(name))
  ) {
    mistakes.push(
      'HOST is not a loopback address, so anyone who can connect could spend your credits. Set API_KEYS=name:key ' +
        '(or JWT_JWKS_URL), use 127.0.0.1, or set ALLOW_ANONYMOUS=true if a proxy in front controls access.',
    )
  }
  if (env.ADMIN_PORT !== undefined && env.ADMIN_PORT !== 0 && env.ADMIN_PORT === env.PORT) {
    mistakes.push('ADMIN_PORT must differ from PORT.')
  }
  if (env.ADMIN_HOST !== undefined && !('ADMIN_PORT' in set)) {
    mistakes.push('ADMIN_HOST has no effect without ADMIN_PORT: set ADMIN_PORT too.')
  }
  const sameKey = env.API_KEYS.find(({ key }) => key === env.ADMIN_TOKEN)
  if (sameKey !== undefined) mistakes.push(`ADMIN_TOKEN must differ from the key of the caller ${sameKey.name}.`)
  const uncounted = creditsMistake(
    env.API_KEYS.map(({ limits }) => limits),
    unpricedVariables(env).filter((name) => !invalid.has(name)),
  )
  if (uncounted !== null) mistakes.push(`API_KEYS: ${uncounted}.`)
  if (!invalid.has('WEBHOOK_HOSTS_ALLOWED')) {
    const addresses = createWebhookAddresses(env.WEBHOOK_HOSTS_ALLOWED)
    mistakes.push(...webhookMistakes(env.API_KEYS, addresses.mistakeIn).map((mistake) => `API_KEYS: ${mistake}.`))
  }
  const areTimesValid = !invalid.has('GIVE_UP_AFTER_SECONDS') && !invalid.has('UNCONFIRMED_AFTER_SECONDS')
  if (areTimesValid && env.GIVE_UP_AFTER_SECONDS < env.UNCONFIRMED_AFTER_SECONDS) {
    mistakes.push('GIVE_UP_AFTER_SECONDS must not be less than UNCONFIRMED_AFTER_SECONDS (default 3600).')
  }
  mistakes.push(...archiveMistakes(env, set, invalid))
  return mistakes
}

/** The variables of prices that lack a type although their provider is on. */
export function unpricedVariables(env: ParsedEnvironment): readonly string[] {
  return (['KIE', 'APIKLEY', 'SUNOAPI'] as const)
    .filter((vendor) => env[`${vendor}_API_KEY`] !== undefined)
    .filter((vendor) => separationTypes.some((type) => !env[`${vendor}_PRICES`].has(type)))
    .map((vendor) => `${vendor}_PRICES`)
}
