import { archiveConfigOf, type ArchiveConfig } from './archive-config.ts'
import { tracingConfigOf } from './tracing-config.ts'
import {
  environmentSchema,
  type Environment,
  type LogFormat,
  type LogLevel,
  type SetVariables,
  type StemLinkKind,
} from './environment.ts'
import type { ApiKey } from '../identity/parse-api-keys.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import type { SeparationType } from '../separation/task/separation-type.ts'
import type { TraceExport } from '../tracing/trace-export.ts'
import { sandboxMistake } from './sandbox-permission.ts'
import type { DatabaseAddress } from '../stores/database/database-url.ts'
import { mistakenCombinations, unpricedVariables } from './mistaken-combinations.ts'
import { fileVariableOf, noSecretFiles, secretNames, type SecretFiles } from './secret-files.ts'
import { unknownVariables } from './unknown-variables.ts'
import { isLoopback } from '../runtime/loopback.ts'

type VendorName = Exclude<ProviderName, 'sandbox'>

/** The configuration of a gateway. Durations are milliseconds. */
export interface Config {
  readonly host: string
  readonly port: number
  /** The base URL at which providers reach the gateway; null for the host and port that it listens on. */
  readonly publicUrl: string | null
  readonly database: DatabaseAddress
  /** How many connections to PostgreSQL the gateway opens at most. */
  readonly databaseConnections: number
  /** Connects the gateways of one database: change notifications and provider rates. null: they share the database alone. */
  readonly redisUrl: string | null
  /** A provider with a key is on. Its keys are used in this order. Without any key, the sandbox is on. */
  readonly vendors: Readonly<
    Record<VendorName, { readonly apiKeys: readonly string[]; readonly baseUrl: string | null }>
  >
  /** What the operator says that a type costs at a provider, in credits. */
  readonly prices: Readonly<Record<VendorName, ReadonlyMap<SeparationType, number>>>
  /** Below how many credits the operator wants a warning; null: none. */
  readonly creditsWarnings: Readonly<Record<VendorName, number | null>>
  /** The variables of prices that lack a type although their provider is on. */
  readonly unpriced: readonly string[]
  /** Each of them may sign callbacks. Empty: callbacks are not verified by signature. */
  readonly kieWebhookKeys: readonly string[]
  readonly defaultProvider: ProviderName
  /** The first one signs, and all are accepted. If empty, a generated secret from the database is used. */
  readonly callbackSecrets: readonly string[]
  /** All of them sign webhooks, and so does a generated secret from the database. */
  readonly webhookSecrets: readonly string[]
  /** Hosts (`host` or `host:port`) to which webhooks are sent at any address, also without TLS. */
  readonly webhookHostsAllowed: readonly string[]
  /** The waits after each failed attempt to send a webhook. Not configurable. */
  readonly webhookRetryDelaysMs: readonly number[]
  /** The keys from API_KEYS. */
  readonly apiKeys: readonly ApiKey[]
  readonly apiKeysFile: string | null
  /** The accepted issuer of tokens; null for none. */
  readonly jwt: { readonly jwksUrl: string; readonly issuer: string; readonly audience: string } | null
  readonly allowAnonymous: boolean
  /** The separate address for metrics and health; null for none. */
  readonly admin: { readonly host: string; readonly port: number } | null
  /** The bearer token for metrics and readiness; null for none. */
  readonly adminToken: string | null
  /** The callers that may read the balance of the operator's accounts, as owners of tasks. */
  readonly creditsCallers: readonly string[]
  /** The limits of requests and `separate` mutations per caller and minute. */
  readonly requestsPerMinute: number
  readonly separatesPerMinute: number
  /** The orders per day of each caller that has no budget of orders of its own; null: no limit. */
  readonly ordersPerDay: number | null
  readonly socketsPerAddress: number
  readonly subscriptionsPerCaller: number
  readonly corsOrigins: readonly string[]
  /** Whether the URL of a stem is a signed link of the gateway, or the provider's own. */
  readonly stemLinks: StemLinkKind
  /** The base of the links; null for the public URL. */
  readonly stemLinksUrl: string | null
  /** Hosts (`host` or `host:port`) from which stems are fetched at any address. */
  readonly stemHostsAllowed: readonly string[]
  /** How many files are streamed at a time, in all and to one IP address. */
  readonly stemStreams: number
  readonly stemStreamsPerAddress: number
  /** How long a stream of a file may make no progress. Not configurable. */
  readonly stemStallMs: number
  /** How long tasks are kept after the last thing that happened to them, in milliseconds; null: for ever. */
  readonly tasksKeptMs: number | null
  /** null: stems are not archived. */
  readonly archive: ArchiveConfig | null
  /** Whether the player page is at `/`. */
  readonly webPage: boolean
  readonly graphiql: boolean
  readonly introspection: boolean
  readonly checkIntervalMs: number
  readonly submitTimeoutMs: number
  readonly unconfirmedAfterMs: number
  readonly giveUpAfterMs: number
  /** How long record-info may lag behind a callback with audio. Not configurable. */
  readonly callbackGraceMs: number
  /** How long a callback that reports a failure does not settle the task. */
  readonly failureGraceMs: number
  /** How long a success may lack required stems. Not configurable. */
  readonly emptyGraceMs: number
  readonly readsPerSecond: number
  readonly submitsPer10Seconds: number
  /** How long an order waits for a slot within that rate. */
  readonly submitWaitMs: number
  readonly sandboxDelayMs: number
  /** How long the gateway serves requests after a stop signal, so that load balancers notice. */
  readonly shutdownDelayMs: number
  readonly logLevel: LogLevel
  /** null: text on a terminal, else JSON. */
  readonly logFormat: LogFormat | null
  /** What tells this gateway apart in the logs; null: the name of the machine and a random word. */
  readonly instance: string | null
  /** Where spans are sent; null: none are recorded. */
  readonly tracing: TraceExport | null
}

/** All mistakes in the environment. They name the variables and contain no values. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly mistakes: readonly string[]
  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'))
    this.mistakes = mistakes
  }
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs
/** The schedule of Svix (https://docs.svix.com/retries): after the first attempt, seven more within some 28 hours. */
const webhookRetryDelaysMs = [5_000, 5 * minuteMs, 30 * minuteMs, 2 * hourMs, 5 * hourMs, 10 * hourMs, 10 * hourMs]

/** Code that zod generates for a schema pays off only if many values are parsed. */
const parsedOnce = { jitless: true }

/** The variables that are set, with the secrets that are given in files. */
export function setVariables(environment: Environment, files: SecretFiles): SetVariables {
  const set = Object.entries(environment).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()]] : []))
  return Object.fromEntries([...set, ...files.values])
}

/**
 * Parses the environment. A blank variable counts as unset. Throws ConfigError with all mistakes.
 * @param files what was read from the files that the environment names
 */
export function parseConfig(environment: Environment, files: SecretFiles = noSecretFiles): Config {
  const set = setVariables(environment, files)
  const parsed = environmentSchema.safeParse(set, parsedOnce)
  const issues = parsed.error?.issues ?? []
  const invalid = new Set([...files.mistakes.keys(), ...issues.map((issue) => String(issue.path[0]))])
  const nameIn = ({ path }: { readonly path: readonly PropertyKey[] }) => {
    const name = path.join('.')
    return files.values.has(name) ? `${name} (in the file that ${fileVariableOf(name)} names)` : name
  }
  const mistakes = [...files.mistakes.values(), ...new Set(issues.map((issue) => `${nameIn(issue)} ${issue.message}.`))]
  // Leave out the invalid variables, so that the others can be checked too.
  const valid = Object.entries(set).filter(([name]) => !invalid.has(name))
  const env = parsed.data ?? environmentSchema.parse(Object.fromEntries(valid), parsedOnce)
  const vendors = {
    kie: { apiKeys: env.KIE_API_KEY ?? [], baseUrl: env.KIE_BASE_URL ?? null },
    apikley: { apiKeys: env.APIKLEY_API_KEY ?? [], baseUrl: env.APIKLEY_BASE_URL ?? null },
    sunoapi: { apiKeys: env.SUNOAPI_API_KEY ?? [], baseUrl: env.SUNOAPI_BASE_URL ?? null },
  }
  const [firstOn = 'sandbox'] = (['kie', 'apikley', 'sunoapi'] as const).filter(
    (name) => vendors[name].apiKeys.length > 0,
  )
  const defaultProvider = env.DEFAULT_PROVIDER ?? firstOn
  const isOn = defaultProvider === 'sandbox' ? firstOn === 'sandbox' : vendors[defaultProvider].apiKeys.length > 0
  if (!isOn && !invalid.has(`${defaultProvider.toUpperCase()}_API_KEY`)) {
    mistakes.push(
      defaultProvider === 'sandbox'
        ? 'DEFAULT_PROVIDER must not be sandbox: the sandbox is off as soon as a provider has a key.'
        : `DEFAULT_PROVIDER is a provider without a key: set ${defaultProvider.toUpperCase()}_API_KEY.`,
    )
  }
  mistakes.push(...mistakenCombinations(env, set, invalid))
  const known = [...Object.keys(environmentSchema.shape), ...secretNames.map(fileVariableOf)]
  const sandbox = sandboxMistake({
    environment: { ...environment, ...Object.fromEntries(files.values) },
    known,
    invalid,
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
    databaseConnections: env.DATABASE_CONNECTIONS,
    redisUrl: env.REDIS_URL ?? null,
    vendors,
    prices: { kie: env.KIE_PRICES, apikley: env.APIKLEY_PRICES, sunoapi: env.SUNOAPI_PRICES },
    creditsWarnings: {
      kie: env.KIE_CREDITS_WARNING ?? null,
      apikley: env.APIKLEY_CREDITS_WARNING ?? null,
      sunoapi: env.SUNOAPI_CREDITS_WARNING ?? null,
    },
    unpriced: unpricedVariables(env),
    kieWebhookKeys: env.KIE_WEBHOOK_KEY ?? [],
    defaultProvider,
    callbackSecrets: env.CALLBACK_SECRET,
    webhookSecrets: env.WEBHOOK_SECRET,
    webhookHostsAllowed: env.WEBHOOK_HOSTS_ALLOWED,
    webhookRetryDelaysMs,
    apiKeys: env.API_KEYS,
    apiKeysFile: env.API_KEYS_FILE ?? null,
    jwt:
      env.JWT_JWKS_URL === undefined || env.JWT_ISSUER === undefined || env.JWT_AUDIENCE === undefined
        ? null
        : { jwksUrl: env.JWT_JWKS_URL, issuer: env.JWT_ISSUER, audience: env.JWT_AUDIENCE },
    allowAnonymous: env.ALLOW_ANONYMOUS,
    admin: env.ADMIN_PORT === undefined ? null : { host: env.ADMIN_HOST ?? '127.0.0.1', port: env.ADMIN_PORT },
    adminToken: env.ADMIN_TOKEN ?? null,
    creditsCallers: env.CREDITS_CALLERS,
    requestsPerMinute: env.REQUESTS_PER_MINUTE,
    separatesPerMinute: env.SEPARATES_PER_MINUTE,
    ordersPerDay: env.ORDERS_PER_DAY ?? null,
    socketsPerAddress: env.SOCKETS_PER_ADDRESS,
    subscriptionsPerCaller: env.SUBSCRIPTIONS_PER_CALLER,
    corsOrigins: env.CORS_ORIGINS,
    stemLinks: env.STEM_LINKS,
    stemLinksUrl: env.STEM_LINKS_URL ?? null,
    stemHostsAllowed: env.STEM_HOSTS_ALLOWED,
    stemStreams: env.STEM_STREAMS,
    stemStreamsPerAddress: env.STEM_STREAMS_PER_ADDRESS,
    stemStallMs: 30_000,
    tasksKeptMs: env.TASKS_KEPT_DAYS === undefined ? null : env.TASKS_KEPT_DAYS * 24 * 60 * 60_000,
    archive: archiveConfigOf(env),
    webPage: env.WEB_PAGE ?? isLocal,
    graphiql: env.GRAPHIQL ?? isLocal,
    introspection: env.INTROSPECTION ?? isLocal,
    checkIntervalMs: msOf(env.CHECK_INTERVAL_SECONDS),
    submitTimeoutMs: msOf(env.SUBMIT_TIMEOUT_SECONDS),
    unconfirmedAfterMs: msOf(env.UNCONFIRMED_AFTER_SECONDS),
    giveUpAfterMs: msOf(env.GIVE_UP_AFTER_SECONDS),
    callbackGraceMs: 4_000,
    failureGraceMs: msOf(env.FAILURE_GRACE_SECONDS),
    emptyGraceMs: 60_000,
    readsPerSecond: env.READS_PER_SECOND,
    submitsPer10Seconds: env.SUBMITS_PER_10_SECONDS,
    submitWaitMs: msOf(env.SUBMIT_WAIT_SECONDS),
    sandboxDelayMs: env.SANDBOX_DELAY_MS,
    shutdownDelayMs: msOf(env.SHUTDOWN_DELAY_SECONDS),
    logLevel: env.LOG_LEVEL,
    logFormat: env.LOG_FORMAT ?? null,
    instance: env.LOG_INSTANCE ?? null,
    tracing: tracingConfigOf(env),
  }
}

/** Whole milliseconds: databases store no others. */
function msOf(seconds: number): number {
  return Math.round(seconds * 1000)
}
