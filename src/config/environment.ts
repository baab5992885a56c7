import * as z from 'zod'
import { parseApiKeys } from '../identity/parse-api-keys.ts'
import { providerNames } from '../separation/task/provider-name.ts'
import { separationTypes, type SeparationType } from '../separation/task/separation-type.ts'
import { parseDatabaseUrl } from '../stores/database/database-url.ts'
import { isLoopback } from '../runtime/loopback.ts'
import { parseArchiveUrl } from '../stems/archive/archive-url.ts'
import { tracingVariables } from './tracing-variables.ts'

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

const logFormats = ['json', 'pretty'] as const
export type LogFormat = (typeof logFormats)[number]

/** `signed`: a stem's URL is a link of the gateway. `direct`: it is the provider's own. */
const stemLinks = ['signed', 'direct'] as const
export type StemLinkKind = (typeof stemLinks)[number]

const seconds = z.coerce.number(notA('number of seconds'))
/** Separations take a minute or more, so shorter times would settle tasks wrongly. */
const longSeconds = seconds.min(60, 'must not be less than 60').max(31_536_000, 'must not be more than a year')
const flag = z.enum(['true', 'false'], { error: 'must be true or false' }).transform((text) => text === 'true')
const httpUrl = z
  .string()
  .refine(
    (text) => /^https?:\/\//i.test(text) && URL.canParse(text),
    'must be a URL that begins with http:// or https://',
  )
  .refine((text) => !/[?#]|^[^/]*\/\/[^/]*@/.test(text), 'must not contain a user name, a password, ? or #')
  .transform((text) => text.replace(/\/+$/, ''))
const secretPattern = /^[\x21-\x7e]+$/
const secretProblem = 'must consist of ASCII letters, digits and punctuation, without spaces (is it a placeholder?)'
const secretText = z.string().regex(secretPattern, secretProblem)
const count = z.coerce.number(notA('number')).int('must be a whole number').min(1, 'must be at least 1')
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
)

const secrets = list
  .refine(
    (each) => each.length > 0 && each.every((secret) => secret.length >= 16),
    'must be secrets of at least 16 characters, separated by commas',
  )
  .default([])
/** `host` or `host:port`. */
const hosts = list
  .transform((names) => names.map((each) => each.toLowerCase()))
  .refine(
    (names) => names.every((each) => URL.canParse(`http://${each}`) && new URL(`http://${each}/`).host === each),
    'must be hosts like files.example.com or 127.0.0.1:9000, separated by commas',
  )
  .default([])
/** One or more secrets, separated by commas. */
const secretList = list
  .refine((keys) => keys.length > 0, 'must hold at least one key, or be unset')
  .refine((keys) => keys.every((key) => secretPattern.test(key)), secretProblem)
  .refine((keys) => new Set(keys).size === keys.length, 'must not hold the same key twice')

/** What each type costs in credits, e.g. `separate_vocal:10,split_stem:50`. */
const prices = list
  .transform((entries, context) => {
    const pairs = entries.map((entry) => /^(\w+)\s*:\s*(\d+(?:\.\d+)?)$/.exec(entry))
    const parsed = pairs.flatMap((pair) => {
      const type = separationTypes.find((each) => each === pair?.[1])
      return type === undefined ? [] : [[type, Number(pair?.[2])] as const]
    })
    return parsed.length === entries.length && new Set(parsed.map(([type]) => type)).size === parsed.length
      ? new Map(parsed)
      : addIssue(
          context,
          `must be a price for each type, like ${separationTypes.map((type) => `${type}:10`).join(',')}`,
        )
  })
  .default(new Map<SeparationType, number>())

const credits = z.coerce.number(notA('number')).positive('must be more than 0')

/** An address to listen on. IPv6 addresses may have brackets, as in a URL. */
const host = z.string().transform((text) => text.replace(/^\[(.*)\]$/, '$1'))
const port = z
  .string()
  .refine((text) => /^\d{1,5}$/.test(text) && Number(text) <= 65_535, 'must be a whole number from 0 to 65535')
  .transform(Number)

/** The environment variables: the type, limits and default of each. */
export const environmentSchema = z.object({
  HOST: host.default('127.0.0.1'),
  PORT: port.default(4000),
  PUBLIC_URL: httpUrl.optional(),
  DATABASE_URL: z
    .string()
    .transform(
      (text, context) => parseDatabaseUrl(text) ?? addIssue(context, 'must be file:<path>, :memory: or postgres://<…>'),
    )
    .default({ kind: 'sqlite', path: 'data/stemgate.db' }),
  /** Of a gateway to PostgreSQL. With one, a lock that is waited for would stop everything. */
  DATABASE_CONNECTIONS: count.min(2, 'must be at least 2').max(500, 'must be at most 500').default(10),
  REDIS_URL: z
    .string()
    .refine(
      (text) => /^rediss?:\/\//.test(text) && URL.canParse(text) && /^(\/\d*)?$/.test(new URL(text).pathname),
      'must be redis://<host>:<port>/<number of the database>, or rediss://<…>',
    )
    .optional(),
  /** true allows the sandbox everywhere. Unset, it runs only on a gateway for local use: see `sandboxMistake`. */
  SANDBOX: flag.optional(),
  KIE_API_KEY: secretList.optional(),
  APIKLEY_API_KEY: secretList.optional(),
  SUNOAPI_API_KEY: secretList.optional(),
  KIE_BASE_URL: httpUrl.optional(),
  APIKLEY_BASE_URL: httpUrl.optional(),
  SUNOAPI_BASE_URL: httpUrl.optional(),
  KIE_PRICES: prices,
  APIKLEY_PRICES: prices,
  SUNOAPI_PRICES: prices,
  KIE_CREDITS_WARNING: credits.optional(),
  APIKLEY_CREDITS_WARNING: credits.optional(),
  SUNOAPI_CREDITS_WARNING: credits.optional(),
  KIE_WEBHOOK_KEY: secretList.optional(),
  DEFAULT_PROVIDER: z
    .string()
    .transform((text) => text.toLowerCase())
    .pipe(z.enum(providerNames, { error: `must be one of ${providerNames.join(', ')}` }))
    .optional(),
  CALLBACK_SECRET: secrets,
  WEBHOOK_SECRET: secrets,
  WEBHOOK_HOSTS_ALLOWED: hosts,
  API_KEYS: z
    .string()
    .transform((text, context) => {
      try {
        const keys = parseApiKeys(text, 'commas')
        return keys.length > 0 ? keys : addIssue(context, 'must contain at least one caller, or be unset')
      } catch (error) {
        return addIssue(
          context,
          `must be name:key pairs, separated by commas; ${error instanceof Error ? error.message : ''}`,
        )
      }
    })
    .default([]),
  API_KEYS_FILE: z.string().optional(),
  JWT_JWKS_URL: httpUrl
    .refine((text) => /^https:/i.test(text) || isLoopback(new URL(text).hostname), 'must begin with https://')
    .optional(),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  ALLOW_ANONYMOUS: flag.default(false),
  ADMIN_PORT: port.optional(),
  ADMIN_HOST: host.optional(),
  ADMIN_TOKEN: secretText.refine((text) => text.length >= 16, 'must have at least 16 characters').optional(),
  CREDITS_CALLERS: list
    .refine(
      (owners) => owners.every((owner) => /^(anonymous|key:[\w.-]+|jwt:.+\|.+)$/.test(owner)),
      'must be callers such as key:web or jwt:<issuer>|<subject>, separated by commas',
    )
    .default([]),
  REQUESTS_PER_MINUTE: count.default(6_000),
  SEPARATES_PER_MINUTE: count.default(1_200),
  ORDERS_PER_DAY: count.optional(),
  SOCKETS_PER_ADDRESS: count.default(1_000),
  SUBSCRIPTIONS_PER_CALLER: count.default(10_000),
  CORS_ORIGINS: list
    .refine(
      (origins) => origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
      'must be origins like https://app.example.com, separated by commas',
    )
    .default([]),
  STEM_LINKS: z.enum(stemLinks, { error: `must be one of ${stemLinks.join(', ')}` }).default('signed'),
  STEM_LINKS_URL: httpUrl.optional(),
  STEM_HOSTS_ALLOWED: hosts,
  STEM_STREAMS: count.default(200),
  STEM_STREAMS_PER_ADDRESS: count.default(64),
  ARCHIVE_URL: z
    .string()
    .transform(
      (text, context) => parseArchiveUrl(text) ?? addIssue(context, 'must be file:<folder> or s3://<bucket>/<prefix>'),
    )
    .optional(),
  // No budget counts tasks of an earlier month anew, and no provider keeps files for longer.
  TASKS_KEPT_DAYS: count
    .min(31, 'must be at least 31, so that no task goes whose files or budget still count')
    .max(36_500, 'must not be more than 36500')
    .optional(),
  ARCHIVE_RETENTION_DAYS: count.max(36_500, 'must not be more than 36500').optional(),
  ARCHIVE_MAX_FILE_MB: count.max(5_000, 'must not be more than 5000').default(500),
  ARCHIVE_S3_ENDPOINT: httpUrl.optional(),
  ARCHIVE_S3_REGION: z
    .string()
    .regex(/^[\w-]+$/, 'must consist of letters, digits and hyphens')
    .default('us-east-1'),
  ARCHIVE_S3_ACCESS_KEY_ID: secretText.optional(),
  ARCHIVE_S3_SECRET_ACCESS_KEY: secretText.optional(),
  WEB_PAGE: flag.optional(),
  GRAPHIQL: flag.optional(),
  INTROSPECTION: flag.optional(),
  // A short interval is safe: READS_PER_SECOND limits the reads.
  CHECK_INTERVAL_SECONDS: seconds
    .min(1, 'must not be less than 1')
    .max(86_400, 'must not be more than a day')
    .default(30),
  // The gateway itself waits 120 s for the answer to an order.
  SUBMIT_TIMEOUT_SECONDS: seconds.min(1, 'must not be less than 1').max(120, 'must not be more than 120').default(20),
  UNCONFIRMED_AFTER_SECONDS: longSeconds.default(3600),
  GIVE_UP_AFTER_SECONDS: longSeconds.default(86_400),
  FAILURE_GRACE_SECONDS: longSeconds.default(900),
  SUBMITS_PER_10_SECONDS: count.default(20),
  SUBMIT_WAIT_SECONDS: seconds.min(0, 'must not be less than 0').max(60, 'must not be more than 60').default(3),
  READS_PER_SECOND: z.coerce.number(notA('number')).positive('must be more than 0').default(10),
  SANDBOX_DELAY_MS: z.coerce
    .number(notA('number of milliseconds'))
    .int('must be a whole number')
    .min(0, 'must not be less than 0')
    .max(3_600_000, 'must not be more than an hour')
    .default(3000),
  SHUTDOWN_DELAY_SECONDS: seconds.min(0, 'must not be less than 0').max(300, 'must not be more than 300').default(0),
  LOG_LEVEL: z.enum(logLevels, { error: `must be one of ${logLevels.join(', ')}` }).default('info'),
  LOG_FORMAT: z.enum(logFormats, { error: `must be one of ${logFormats.join(', ')}` }).optional(),
  LOG_INSTANCE: z
    .string()
    .regex(/^[\w.:-]{1,100}$/, 'must be a name of up to 100 letters, digits and . : _ -')
    .optional(),
  OTEL_SDK_DISABLED: flag.default(false),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: httpUrl.optional(),
  ...tracingVariables,
})

/** As Node.js gives it. A blank variable counts as unset. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The variables that are set, by name. */
export type SetVariables = Readonly<Record<string, string>>

/** The environment once every variable is parsed. */
export type ParsedEnvironment = z.output<typeof environmentSchema>

function addIssue(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message })
  return z.NEVER
}

function notA(kind: string) {
  return { error: `must be a ${kind}` }
}
