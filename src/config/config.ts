import { environmentSchema, type LogLevel } from './environment.ts'
import type { ApiKey } from '../identity/parse-api-keys.ts'
import type { ProviderName } from '../separation/task.ts'
import { sandboxMistake } from './sandbox-permission.ts'
import type { DatabaseAddress } from '../stores/database-url.ts'
import { unknownVariables } from './unknown-variables.ts'
import { isLoopback } from '../runtime/loopback.ts'

type Environment = Readonly<Record<string, string | undefined>>
type VendorName = Exclude<ProviderName, 'sandbox'>

/** How the operator wants the gateway to be. Durations are milliseconds. */
export interface Config {
  readonly host: string
  readonly port: number
  /** Where providers reach us; null: at the host and port that we listen on. */
  readonly publicUrl: string | null
  readonly database: DatabaseAddress
  /** Carries the changes between the gateways of one database, and their common rates; null: there is this one alone. */
  readonly redisUrl: string | null
  /** A provider with a key is switched on; with none on, the sandbox is. */
  readonly vendors: Readonly<Record<VendorName, { readonly apiKey: string | null; readonly baseUrl: string | null }>>
  readonly kieWebhookKey: string | null
  readonly defaultProvider: ProviderName
  /** The first signs, all are accepted. None: one is made and kept in the database. */
  readonly callbackSecrets: readonly string[]
  /** Those that stand in the environment. */
  readonly apiKeys: readonly ApiKey[]
  readonly apiKeysFile: string | null
  /** Whose tokens are taken; null: nobody's. */
  readonly jwt: { readonly jwksUrl: string; readonly issuer: string; readonly audience: string } | null
  readonly allowAnonymous: boolean
  /** Where metrics and health are served beside the main port; null: nowhere. */
  readonly admin: { readonly host: string; readonly port: number } | null
  /** What opens the metrics and the readiness; null: nothing does. */
  readonly adminToken: string | null
  /** How often one caller may ask, and order, in a minute. */
  readonly requestsPerMinute: number
  readonly separatesPerMinute: number
  readonly socketsPerAddress: number
  readonly subscriptionsPerCaller: number
  readonly corsOrigins: readonly string[]
  readonly graphiql: boolean
  readonly introspection: boolean
  readonly checkIntervalMs: number
  readonly submitTimeoutMs: number
  readonly unconfirmedAfterMs: number
  readonly giveUpAfterMs: number
  /** How long record-info may lag behind a callback that brings audio. Not the operator's to choose. */
  readonly callbackGraceMs: number
  /** How long a callback that reports a failure settles nothing. */
  readonly failureGraceMs: number
  /** How long a SUCCESS may go without naming every stem that it must have. Not the operator's to choose. */
  readonly emptyGraceMs: number
  readonly readsPerSecond: number
  readonly submitsPer10Seconds: number
  /** How long an order waits for its place within that rate. */
  readonly submitWaitMs: number
  readonly sandboxDelayMs: number
  /** How long the gateway still serves everybody after it was told to stop, so that load balancers notice. */
  readonly shutdownDelayMs: number
  readonly logLevel: LogLevel
}

/** What is wrong with the environment: every mistake, with the variable's name and never its value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly mistakes: readonly string[]
  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'))
    this.mistakes = mistakes
  }
}

/** Reads the environment; a blank variable is an unset one. Throws ConfigError with every mistake at once. */
export function parseConfig(environment: Environment): Config {
  const set = Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()]] : [])),
  )
  const issues = environmentSchema.safeParse(set).error?.issues ?? []
  const wrong = new Set(issues.map((issue) => String(issue.path[0])))
  const mistakes = [...new Set(issues.map((issue) => `${issue.path.join('.')} ${issue.message}.`))]
  // What is wrong by itself is left out, so that the rest can still be looked at.
  const env = environmentSchema.parse(Object.fromEntries(Object.entries(set).filter(([name]) => !wrong.has(name))))
  const vendors = {
    kie: { apiKey: env.KIE_API_KEY ?? null, baseUrl: env.KIE_BASE_URL ?? null },
    apikley: { apiKey: env.APIKLEY_API_KEY ?? null, baseUrl: env.APIKLEY_BASE_URL ?? null },
    sunoapi: { apiKey: env.SUNOAPI_API_KEY ?? null, baseUrl: env.SUNOAPI_BASE_URL ?? null },
  }
  const [firstOn = 'sandbox'] = (['kie', 'apikley', 'sunoapi'] as const).filter((name) => vendors[name].apiKey !== null)
  const defaultProvider = env.DEFAULT_PROVIDER ?? firstOn
  const isOn = defaultProvider === 'sandbox' ? firstOn === 'sandbox' : vendors[defaultProvider].apiKey !== null
  if (!isOn && !wrong.has(`${defaultProvider.toUpperCase()}_API_KEY`)) {
    mistakes.push(
      defaultProvider === 'sandbox'
        ? 'DEFAULT_PROVIDER must not be sandbox: the sandbox is off as soon as a provider has a key.'
        : `DEFAULT_PROVIDER names a provider that is off: set ${defaultProvider.toUpperCase()}_API_KEY.`,
    )
  }
  if (env.REDIS_URL !== undefined && env.DATABASE_URL.kind === 'sqlite' && env.DATABASE_URL.path === ':memory:') {
    mistakes.push(
      'REDIS_URL makes no sense with DATABASE_URL=:memory:, which no other gateway can read: ' +
        'leave it unset, or give the gateways one database.',
    )
  }
  const ofTokens = ['JWT_JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE'] as const
  const missing = ofTokens.filter((name) => !(name in set))
  if (missing.length > 0 && missing.length < ofTokens.length && !ofTokens.some((name) => wrong.has(name))) {
    mistakes.push(`Tokens need ${ofTokens.join(', ')} together: ${missing.join(' and ')} must be set, or none of them.`)
  }
  const callers = ['API_KEYS', 'API_KEYS_FILE', ...ofTokens, 'ALLOW_ANONYMOUS']
  const areCallersKnown = env.API_KEYS.length > 0 || env.API_KEYS_FILE !== undefined || env.JWT_JWKS_URL !== undefined
  if (!isLoopback(env.HOST) && !areCallersKnown && !env.ALLOW_ANONYMOUS && !callers.some((name) => wrong.has(name))) {
    mistakes.push(
      'HOST is not a loopback address, so anybody who reaches it could spend your credits: set API_KEYS=name:key ' +
        '(or JWT_JWKS_URL), keep 127.0.0.1, or set ALLOW_ANONYMOUS=true if something in front decides who may.',
    )
  }
  if (env.ADMIN_PORT !== undefined && env.ADMIN_PORT !== 0 && env.ADMIN_PORT === env.PORT) {
    mistakes.push('ADMIN_PORT must not be PORT.')
  }
  if (env.ADMIN_HOST !== undefined && !('ADMIN_PORT' in set)) {
    mistakes.push('ADMIN_HOST says where ADMIN_PORT listens: set ADMIN_PORT too.')
  }
  const sharing = env.API_KEYS.find(({ key }) => key === env.ADMIN_TOKEN)
  if (sharing !== undefined) mistakes.push(`ADMIN_TOKEN must not be the key of a caller (${sharing.name}).`)
  const areTimesRight = !wrong.has('GIVE_UP_AFTER_SECONDS') && !wrong.has('UNCONFIRMED_AFTER_SECONDS')
  if (areTimesRight && env.GIVE_UP_AFTER_SECONDS < env.UNCONFIRMED_AFTER_SECONDS) {
    mistakes.push(
      'GIVE_UP_AFTER_SECONDS must not be less than UNCONFIRMED_AFTER_SECONDS, which is an hour unless it is set.',
    )
  }
  const known = Object.keys(environmentSchema.shape)
  const sandbox = sandboxMistake({
    environment,
    known,
    wrong,
    sandbox: env.SANDBOX,
    host: env.HOST,
    publicUrl: env.PUBLIC_URL,
    allowAnonymous: env.ALLOW_ANONYMOUS,
  })
  if (sandbox !== null) mistakes.push(sandbox)
  mistakes.push(...unknownVariables(Object.keys(set), known))
  if (mistakes.length > 0) throw new ConfigError(mistakes)

  const isLocal = isLoopback(env.HOST) && (env.PUBLIC_URL === undefined || isLoopback(new URL(env.PUBLIC_URL).hostname))
  return {
    host: env.HOST,
    port: env.PORT,
    publicUrl: env.PUBLIC_URL ?? null,
    database: env.DATABASE_URL,
    redisUrl: env.REDIS_URL ?? null,
    vendors,
    kieWebhookKey: env.KIE_WEBHOOK_KEY ?? null,
    defaultProvider,
    callbackSecrets: env.CALLBACK_SECRET,
    apiKeys: env.API_KEYS,
    apiKeysFile: env.API_KEYS_FILE ?? null,
    jwt:
      env.JWT_JWKS_URL === undefined || env.JWT_ISSUER === undefined || env.JWT_AUDIENCE === undefined
        ? null
        : { jwksUrl: env.JWT_JWKS_URL, issuer: env.JWT_ISSUER, audience: env.JWT_AUDIENCE },
    allowAnonymous: env.ALLOW_ANONYMOUS,
    admin: env.ADMIN_PORT === undefined ? null : { host: env.ADMIN_HOST ?? '127.0.0.1', port: env.ADMIN_PORT },
    adminToken: env.ADMIN_TOKEN ?? null,
    requestsPerMinute: env.REQUESTS_PER_MINUTE,
    separatesPerMinute: env.SEPARATES_PER_MINUTE,
    socketsPerAddress: env.SOCKETS_PER_ADDRESS,
    subscriptionsPerCaller: env.SUBSCRIPTIONS_PER_CALLER,
    corsOrigins: env.CORS_ORIGINS,
    graphiql: env.GRAPHIQL ?? isLocal,
    introspection: env.INTROSPECTION ?? isLocal,
    checkIntervalMs: env.CHECK_INTERVAL_SECONDS * 1000,
    submitTimeoutMs: env.SUBMIT_TIMEOUT_SECONDS * 1000,
    unconfirmedAfterMs: env.UNCONFIRMED_AFTER_SECONDS * 1000,
    giveUpAfterMs: env.GIVE_UP_AFTER_SECONDS * 1000,
    callbackGraceMs: 4_000,
    failureGraceMs: env.FAILURE_GRACE_SECONDS * 1000,
    emptyGraceMs: 60_000,
    readsPerSecond: env.READS_PER_SECOND,
    submitsPer10Seconds: env.SUBMITS_PER_10_SECONDS,
    submitWaitMs: env.SUBMIT_WAIT_SECONDS * 1000,
    sandboxDelayMs: env.SANDBOX_DELAY_MS,
    shutdownDelayMs: env.SHUTDOWN_DELAY_SECONDS * 1000,
    logLevel: env.LOG_LEVEL,
  }
}
