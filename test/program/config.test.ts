import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config/config.ts'
import { noLimits } from '../../src/separation/caller-limits.ts'
import { isLoopback } from '../../src/runtime/loopback.ts'
import { mistakesIn } from '../support/config-mistakes.ts'

const defaults = {
  host: '127.0.0.1',
  port: 4000,
  publicUrl: null,
  database: { kind: 'sqlite', path: 'data/stemgate.db' },
  databaseConnections: 10,
  redisUrl: null,
  vendors: {
    kie: { apiKeys: [], baseUrl: null },
    apikley: { apiKeys: [], baseUrl: null },
    sunoapi: { apiKeys: [], baseUrl: null },
  },
  prices: { kie: new Map(), apikley: new Map(), sunoapi: new Map() },
  creditsCallers: [],
  unpriced: [],
  creditsWarnings: { kie: null, apikley: null, sunoapi: null },
  kieWebhookKeys: [],
  defaultProvider: 'sandbox',
  callbackSecrets: [],
  webhookSecrets: [],
  webhookHostsAllowed: [],
  webhookRetryDelaysMs: [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 36_000_000],
  apiKeys: [],
  apiKeysFile: null,
  jwt: null,
  allowAnonymous: false,
  admin: null,
  adminToken: null,
  socketsPerAddress: 1_000,
  subscriptionsPerCaller: 10_000,
  requestsPerMinute: 6_000,
  separatesPerMinute: 1_200,
  ordersPerDay: null,
  tasksKeptMs: null,
  corsOrigins: [],
  stemLinks: 'signed',
  stemLinksUrl: null,
  stemHostsAllowed: [],
  stemStreams: 200,
  stemStreamsPerAddress: 64,
  stemStallMs: 30_000,
  archive: null,
  webPage: true,
  graphiql: true,
  introspection: true,
  checkIntervalMs: 30_000,
  submitTimeoutMs: 20_000,
  unconfirmedAfterMs: 3_600_000,
  giveUpAfterMs: 86_400_000,
  callbackGraceMs: 4_000,
  failureGraceMs: 900_000,
  emptyGraceMs: 60_000,
  readsPerSecond: 10,
  submitsPer10Seconds: 20,
  submitWaitMs: 3000,
  sandboxDelayMs: 3_000,
  shutdownDelayMs: 0,
  logLevel: 'info',
  logFormat: null,
  instance: null,
  tracing: null,
}

const full = {
  HOST: '0.0.0.0',
  PORT: '8080',
  PUBLIC_URL: 'https://stems.example/gateway/',
  DATABASE_URL: 'postgres://stemgate:hunter2@db.example:5433/stems',
  DATABASE_CONNECTIONS: '25',
  REDIS_URL: 'rediss://:hunter2@redis.example:6380/1',
  KIE_API_KEY: 'kie-key, kie-key-2',
  APIKLEY_API_KEY: 'apikley-key',
  SUNOAPI_API_KEY: 'sunoapi-key',
  KIE_BASE_URL: 'http://127.0.0.1:9001/',
  APIKLEY_BASE_URL: 'https://apikley.example/v1//',
  SUNOAPI_BASE_URL: 'https://sunoapi.example',
  KIE_WEBHOOK_KEY: 'webhook-key,webhook-key-2',
  DEFAULT_PROVIDER: 'SunoAPI',
  CALLBACK_SECRET: '0123456789abcdef, fedcba9876543210',
  WEBHOOK_SECRET: 'webhooks-0123456789, webhooks-9876543210',
  WEBHOOK_HOSTS_ALLOWED: 'Hooks.intern, 127.0.0.1:9100',
  API_KEYS:
    'web:0123456789abcdef, mobile:fedcba9876543210 orders=500/day  orders=9000/month split_stem=0/day ' +
    'providers=KIE+apikley types=separate_vocal expires=2027-01-01 webhook=https://app.example/stems?from=gateway',
  API_KEYS_FILE: '/etc/stemgate/keys',
  JWT_JWKS_URL: 'https://login.example/keys.json',
  JWT_ISSUER: 'https://login.example/',
  JWT_AUDIENCE: 'stems',
  ALLOW_ANONYMOUS: 'true',
  ADMIN_PORT: '8081',
  ADMIN_HOST: '[::1]',
  ADMIN_TOKEN: 'operator-0123456789',
  SOCKETS_PER_ADDRESS: '100',
  SUBSCRIPTIONS_PER_CALLER: '50',
  REQUESTS_PER_MINUTE: '600',
  SEPARATES_PER_MINUTE: '60',
  ORDERS_PER_DAY: '500',
  TASKS_KEPT_DAYS: '365',
  CORS_ORIGINS: 'https://app.example, http://localhost:5173',
  STEM_LINKS: 'direct',
  STEM_LINKS_URL: 'https://cdn.example/',
  STEM_HOSTS_ALLOWED: 'Files.example, 127.0.0.1:9000, [::1]:9000',
  STEM_STREAMS: '20',
  STEM_STREAMS_PER_ADDRESS: '10',
  WEB_PAGE: 'true',
  KIE_PRICES: 'separate_vocal:10, split_stem:50',
  APIKLEY_PRICES: 'split_stem:7.5',
  SUNOAPI_PRICES: ' ',
  KIE_CREDITS_WARNING: '500.5',
  CREDITS_CALLERS: 'key:web, anonymous',
  GRAPHIQL: 'true',
  INTROSPECTION: 'false',
  CHECK_INTERVAL_SECONDS: '1.5',
  SUBMIT_TIMEOUT_SECONDS: '5',
  UNCONFIRMED_AFTER_SECONDS: '600',
  GIVE_UP_AFTER_SECONDS: '7200',
  FAILURE_GRACE_SECONDS: '600',
  READS_PER_SECOND: '2.5',
  SUBMITS_PER_10_SECONDS: '7',
  SUBMIT_WAIT_SECONDS: '0',
  SANDBOX: 'false',
  SANDBOX_DELAY_MS: '0',
  SHUTDOWN_DELAY_SECONDS: '7.5',
  LOG_LEVEL: 'debug',
  LOG_FORMAT: 'pretty',
  LOG_INSTANCE: 'gateway-1',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example:4318/',
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20hunter2, x-scope = stems',
  OTEL_SERVICE_NAME: 'stems',
  OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,deployment.environment.name=test',
  OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
  OTEL_TRACES_SAMPLER_ARG: '0.25',
  OTEL_BSP_SCHEDULE_DELAY: '1000',
  OTEL_BSP_MAX_QUEUE_SIZE: '500',
}

test('an empty environment gives the defaults', () => {
  expect(parseConfig({})).toEqual(defaults)
})

test('a blank variable counts as unset', () => {
  // A blank variable of a provider is treated as a lost key: see production-config.test.ts.
  const names = Object.keys(full).filter((name) => !/^(KIE|APIKLEY|SUNOAPI)_/.test(name))
  for (const blank of ['', ' ', '\t\n']) {
    expect(parseConfig(Object.fromEntries(names.map((name) => [name, blank])))).toEqual(defaults)
  }
  expect(parseConfig({ PORT: undefined })).toEqual(defaults)
})

test('whitespace around a value is ignored', () => {
  expect(parseConfig({ PORT: ' 8080 ', HOST: ' localhost\n' })).toMatchObject({ port: 8080, host: 'localhost' })
})

test('every variable is read', () => {
  expect(parseConfig(full)).toEqual({
    host: '0.0.0.0',
    port: 8080,
    publicUrl: 'https://stems.example/gateway',
    database: { kind: 'postgres', url: 'postgres://stemgate:hunter2@db.example:5433/stems' },
    databaseConnections: 25,
    redisUrl: 'rediss://:hunter2@redis.example:6380/1',
    vendors: {
      kie: { apiKeys: ['kie-key', 'kie-key-2'], baseUrl: 'http://127.0.0.1:9001' },
      apikley: { apiKeys: ['apikley-key'], baseUrl: 'https://apikley.example/v1' },
      sunoapi: { apiKeys: ['sunoapi-key'], baseUrl: 'https://sunoapi.example' },
    },
    prices: {
      kie: new Map([
        ['separate_vocal', 10],
        ['split_stem', 50],
      ]),
      apikley: new Map([['split_stem', 7.5]]),
      sunoapi: new Map(),
    },
    creditsCallers: ['key:web', 'anonymous'],
    creditsWarnings: { kie: 500.5, apikley: null, sunoapi: null },
    unpriced: ['APIKLEY_PRICES', 'SUNOAPI_PRICES'],
    kieWebhookKeys: ['webhook-key', 'webhook-key-2'],
    defaultProvider: 'sunoapi',
    callbackSecrets: ['0123456789abcdef', 'fedcba9876543210'],
    webhookSecrets: ['webhooks-0123456789', 'webhooks-9876543210'],
    webhookHostsAllowed: ['hooks.intern', '127.0.0.1:9100'],
    webhookRetryDelaysMs: defaults.webhookRetryDelaysMs,
    apiKeys: [
      { name: 'web', key: '0123456789abcdef', limits: noLimits, expiresAtMs: null },
      {
        name: 'mobile',
        key: 'fedcba9876543210',
        limits: {
          budgets: [
            { kind: 'orders', period: 'day', limit: 500 },
            { kind: 'orders', period: 'month', limit: 9_000 },
            { kind: 'split_stem', period: 'day', limit: 0 },
          ],
          providers: ['kie', 'apikley'],
          types: ['separate_vocal'],
          webhookUrl: 'https://app.example/stems?from=gateway',
        },
        expiresAtMs: Date.UTC(2027, 0, 1),
      },
    ],
    apiKeysFile: '/etc/stemgate/keys',
    jwt: {
      jwksUrl: 'https://login.example/keys.json',
      issuer: 'https://login.example/',
      audience: 'stems',
    },
    allowAnonymous: true,
    admin: { host: '::1', port: 8081 },
    adminToken: 'operator-0123456789',
    socketsPerAddress: 100,
    subscriptionsPerCaller: 50,
    requestsPerMinute: 600,
    separatesPerMinute: 60,
    ordersPerDay: 500,
    tasksKeptMs: 365 * 24 * 60 * 60_000,
    corsOrigins: ['https://app.example', 'http://localhost:5173'],
    stemLinks: 'direct',
    stemLinksUrl: 'https://cdn.example',
    stemHostsAllowed: ['files.example', '127.0.0.1:9000', '[::1]:9000'],
    stemStreams: 20,
    stemStreamsPerAddress: 10,
    stemStallMs: 30_000,
    archive: null,
    webPage: true,
    graphiql: true,
    introspection: false,
    checkIntervalMs: 1_500,
    submitTimeoutMs: 5_000,
    unconfirmedAfterMs: 600_000,
    giveUpAfterMs: 7_200_000,
    callbackGraceMs: 4_000,
    failureGraceMs: 600_000,
    emptyGraceMs: 60_000,
    readsPerSecond: 2.5,
    submitsPer10Seconds: 7,
    submitWaitMs: 0,
    sandboxDelayMs: 0,
    shutdownDelayMs: 7_500,
    logLevel: 'debug',
    logFormat: 'pretty',
    instance: 'gateway-1',
    tracing: {
      url: 'http://collector.example:4318/v1/traces',
      protocol: 'http/json',
      headers: { authorization: 'Bearer hunter2', 'x-scope': 'stems' },
      resourceAttributes: {
        'service.instance.id': 'gateway-1',
        'service.name': 'stems',
        'deployment.environment.name': 'test',
      },
      sampler: 'parentbased_traceidratio',
      sampledRatio: 0.25,
      delayMs: 1_000,
      maxQueueSize: 500,
    },
  })
})

test('spans are recorded if OpenTelemetry has a collector and is not switched off', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example:4318/base' }
  const traces = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example/otlp' }
  expect(parseConfig(endpoint).tracing).toMatchObject({
    url: 'http://collector.example:4318/base/v1/traces',
    protocol: 'http/protobuf',
    sampler: 'parentbased_always_on',
    headers: {},
    resourceAttributes: {},
  })
  expect(parseConfig({ ...endpoint, ...traces }).tracing?.url).toBe('https://traces.example/otlp')
  const off: Readonly<Record<string, string>>[] = [{ OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }]
  for (const switched of off) expect(parseConfig({ ...endpoint, ...switched }).tracing).toBeNull()
  expect(parseConfig({ OTEL_SERVICE_NAME: 'stems' }).tracing).toBeNull()
})

const badValues: Readonly<Record<string, readonly string[]>> = {
  PORT: ['http', '-1', '65536', '80.5', '0x50', '1e3', 'Infinity'],
  PUBLIC_URL: [
    'stems.example',
    'ftp://stems.example',
    'https://',
    'http://',
    'https://stems.example/?a=b',
    'https://stems.example/#a',
    'https://name:hunter2@stems.example',
  ],
  DATABASE_URL: ['stemgate.db', 'file:', 'mysql://u:hunter2@db/x', 'postgres:db', 'sqlite:stemgate.db'],
  REDIS_URL: ['127.0.0.1:6379', 'http://127.0.0.1:6379', 'redis:hunter2'],
  KIE_API_KEY: ['two words', 'schlüssel', 'line\nbreak', ',', 'a,b c', 'a,b,a'],
  APIKLEY_API_KEY: ['two words'],
  SUNOAPI_API_KEY: ['two words'],
  KIE_WEBHOOK_KEY: ['two words'],
  OTEL_SDK_DISABLED: ['yes'],
  OTEL_TRACES_EXPORTER: ['jaeger'],
  OTEL_EXPORTER_OTLP_ENDPOINT: ['collector:4318', 'https://name:hunter2@collector.example'],
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ['grpc://collector.example'],
  OTEL_EXPORTER_OTLP_PROTOCOL: ['grpc'],
  OTEL_EXPORTER_OTLP_HEADERS: ['hunter2', 'authorization=%hunter2', 'two words=hunter2', 'a=hunter2%0Ab'],
  OTEL_RESOURCE_ATTRIBUTES: ['name'],
  OTEL_TRACES_SAMPLER: ['xray'],
  OTEL_TRACES_SAMPLER_ARG: ['half', '-1', '1.5'],
  OTEL_BSP_SCHEDULE_DELAY: ['soon', '0'],
  OTEL_BSP_MAX_QUEUE_SIZE: ['0', '1.5'],
  KIE_BASE_URL: ['api.kie.ai', 'javascript:alert(1)', 'https://kie.example/?key=hunter2'],
  APIKLEY_BASE_URL: ['api.apikley.example'],
  SUNOAPI_BASE_URL: ['api.sunoapi.example'],
  DEFAULT_PROVIDER: ['suno', 'kie,apikley'],
  CALLBACK_SECRET: ['short', '0123456789abcdef,short', ','],
  ALLOW_ANONYMOUS: ['yes', '1', 'TRUE', 'on'],
  API_KEYS: [
    ',',
    'hunter2',
    'web:hunter2',
    'web:hunter2 hunter2 hunter2',
    'w b:hunter2hunter2hunter2',
    'a:hunter2hunter2hunter2,b:hunter2hunter2hunter2',
    'a:hunter2hunter2hunter2 orders=5/day,a:hunter2hunter2hunter2',
    ...[
      'hunter2hunter2hunter2',
      'order=5/day',
      'orders=5',
      'orders=-5/day',
      'orders=1.5/day',
      'orders=5/week',
      'orders=5/day orders=6/day',
      'credits=/day',
      'providers=suno',
      'providers=kie,apikley',
      'types=',
      'expires=2027-02-30',
      'expires=tomorrow',
      'expires=2027-01-01T18:00',
      'webhook=app.example/stems',
      'webhook=https://user:word@app.example/stems',
      'webhook=https://app.example/stems#part',
    ].map((field) => `web:0123456789abcdef ${field}`),
  ],
  JWT_JWKS_URL: ['login.example', 'http://login.example/keys.json', 'file:///keys.json'],
  DATABASE_CONNECTIONS: ['0', '1', '501', '2.5', 'many'],
  SOCKETS_PER_ADDRESS: ['0', 'all'],
  SUBSCRIPTIONS_PER_CALLER: ['0', 'all'],
  KIE_CREDITS_WARNING: ['0', '-1', 'few'],
  KIE_PRICES: ['10', 'separate_vocal', 'separate_vocal:', 'separate_vocal:-1', 'midi:1', 'split_stem:1,split_stem:2'],
  CREDITS_CALLERS: ['web', 'key:', 'jwt:issuer', 'web:0123456789abcdef'],
  REQUESTS_PER_MINUTE: ['0', '-1', '1.5', 'many'],
  SEPARATES_PER_MINUTE: ['0', '1.5', '1e400', 'Infinity'],
  ORDERS_PER_DAY: ['0', '-1', '0.5', 'many', '500/day'],
  TASKS_KEPT_DAYS: ['0', '30', '31.5', '36501', 'ever'],
  STEM_LINKS: ['none', 'true'],
  STEM_LINKS_URL: ['cdn.example'],
  STEM_HOSTS_ALLOWED: ['https://files.example', 'files.example/path', 'a b', '0x7f.1'],
  WEBHOOK_SECRET: ['short', ','],
  WEBHOOK_HOSTS_ALLOWED: ['https://hooks.intern', 'a b'],
  STEM_STREAMS: ['0', 'many'],
  STEM_STREAMS_PER_ADDRESS: ['0'],
  CORS_ORIGINS: ['*', 'app.example', 'https://app.example/', 'https://app.example/path', 'null', 'https://a.example,*'],
  WEB_PAGE: ['yes', 'on'],
  GRAPHIQL: ['yes', '0'],
  INTROSPECTION: ['no', '1'],
  CHECK_INTERVAL_SECONDS: ['0', '-1', '0.99', '30s', 'never', 'Infinity', '86401'],
  SUBMIT_TIMEOUT_SECONDS: ['0', '0.001', '0.99', '20 s', '121'],
  UNCONFIRMED_AFTER_SECONDS: ['0', '59', '1h', '31536001'],
  GIVE_UP_AFTER_SECONDS: ['0', '59', 'NaN', '31536001'],
  READS_PER_SECOND: ['0', '-1', 'Infinity', 'ten'],
  SUBMITS_PER_10_SECONDS: ['0', '-1', '0.5', 'Infinity', 'ten'],
  SUBMIT_WAIT_SECONDS: ['-1', '61', '3s'],
  SANDBOX: ['yes', '1'],
  SHUTDOWN_DELAY_SECONDS: ['-1', '301', '5s'],
  SANDBOX_DELAY_MS: ['-1', '0.5', '3600001', 'fast'],
  LOG_LEVEL: ['INFO', 'verbose'],
  LOG_FORMAT: ['JSON', 'text'],
  LOG_INSTANCE: ['two words', 'x'.repeat(101)],
}

test('a time with many decimals counts as whole milliseconds', () => {
  const config = parseConfig({
    CHECK_INTERVAL_SECONDS: '1.3333',
    UNCONFIRMED_AFTER_SECONDS: '600.0006',
    GIVE_UP_AFTER_SECONDS: '7200.0001',
    FAILURE_GRACE_SECONDS: '900.9996',
  })
  expect(config).toMatchObject({
    checkIntervalMs: 1_333,
    unconfirmedAfterMs: 600_001,
    giveUpAfterMs: 7_200_000,
    failureGraceMs: 901_000,
  })
})

test('limits accept the values of a large account', () => {
  const config = parseConfig({
    READS_PER_SECOND: '5000',
    SUBMITS_PER_10_SECONDS: '5000000',
    REQUESTS_PER_MINUTE: '100000000',
    SEPARATES_PER_MINUTE: '20000000',
    SOCKETS_PER_ADDRESS: '3000000',
    SUBSCRIPTIONS_PER_CALLER: '4000000',
  })
  expect(config).toMatchObject({
    readsPerSecond: 5_000,
    submitsPer10Seconds: 5_000_000,
    requestsPerMinute: 100_000_000,
    separatesPerMinute: 20_000_000,
    socketsPerAddress: 3_000_000,
    subscriptionsPerCaller: 4_000_000,
  })
})

describe.each(Object.entries(badValues))('%s', (name, values) => {
  // The test names contain no values, because some look like secrets.
  test.each(values.map((value, index) => [index + 1, value] as const))(
    'is rejected with its invalid value %i',
    (_index, value) => {
      const mistakes = mistakesIn({ [name]: value })
      expect(mistakes.length).toBeGreaterThan(0)
      for (const mistake of mistakes) expect(mistake).toMatch(new RegExp(`^${name} must .*[^.]\\.$`))
    },
  )
})

test('the JWT variables must be set together', () => {
  const all = { JWT_JWKS_URL: 'https://login.example/keys.json', JWT_ISSUER: 'hunter2', JWT_AUDIENCE: 'hunter2' }
  for (const missing of Object.keys(all)) {
    const some = Object.fromEntries(Object.entries({ ...all, SANDBOX: 'true' }).filter(([name]) => name !== missing))
    expect(mistakesIn(some)).toEqual([expect.stringMatching(new RegExp(`^Tokens need .*: set ${missing} too`))])
  }
  expect(mistakesIn({ ...all, KIE_API_KEY: 'k' })).toEqual([])
})

test('all mistakes in the entries of API_KEYS are reported at once', () => {
  const API_KEYS = 'web:short orders=5 hunter2, mobile:0123456789abcdef expires=never types=midi'
  expect(mistakesIn({ SANDBOX: 'true', API_KEYS })).toEqual([
    'API_KEYS must be name:key pairs, separated by commas; ' +
      'entry 1 (web): the key has fewer than 16 characters; ' +
      'entry 1 (web): orders must be a number per day or month, such as orders=500/day; ' +
      'entry 1 (web): field 2 is unknown: the fields are orders, separate_vocal, split_stem, credits, providers, types, expires, webhook; ' +
      'entry 2 (mobile): expires must be a day or a time in UTC, such as 2027-01-01 or 2027-01-01T18:00:00Z; ' +
      'entry 2 (mobile): types must be some of separate_vocal, split_stem, separated by +.',
  ])
})

test('a key in the place of its name is not repeated', () => {
  expect(mistakesIn({ SANDBOX: 'true', API_KEYS: 'hunter2-0123456789abcdef:web orders=5' })).toEqual([
    'API_KEYS must be name:key pairs, separated by commas; ' +
      'entry 1: the key has fewer than 16 characters. The form is name:key.',
  ])
})

test('a budget of credits needs the prices of every provider that is on', () => {
  const API_KEYS = 'web:0123456789abcdef credits=100/month'
  const keys = { KIE_API_KEY: 'k', APIKLEY_API_KEY: 'k', API_KEYS }
  const KIE_PRICES = 'separate_vocal:10,split_stem:50'
  expect(mistakesIn({ ...keys, KIE_PRICES, APIKLEY_PRICES: 'separate_vocal:10' })).toEqual([
    'API_KEYS: a credits budget needs a price for each type in APIKLEY_PRICES.',
  ])
  expect(mistakesIn({ ...keys, KIE_PRICES, APIKLEY_PRICES: KIE_PRICES })).toEqual([])
  expect(mistakesIn({ SANDBOX: 'true', API_KEYS })).toEqual([])
})

test('a webhook of a caller must lead to where messages are sent', () => {
  const callers = [
    'app http://10.0.0.8/hook/hunter2',
    'web http://app.example/?token=hunter2',
    'ok https://app.example/',
  ]
  const API_KEYS = callers.map((each, index) => each.replace(' ', `:${index}123456789abcdef webhook=`)).join(', ')
  expect(mistakesIn({ SANDBOX: 'true', API_KEYS })).toEqual([
    'API_KEYS: the webhook of app must not lead to a private address, unless WEBHOOK_HOSTS_ALLOWED has its host.',
    'API_KEYS: the webhook of web must begin with https://, unless WEBHOOK_HOSTS_ALLOWED has its host.',
  ])
  expect(mistakesIn({ SANDBOX: 'true', API_KEYS, WEBHOOK_HOSTS_ALLOWED: '10.0.0.8,app.example' })).toEqual([])
})

test('a caller can have several keys', () => {
  const { apiKeys } = parseConfig({ SANDBOX: 'true', API_KEYS: 'web:0123456789abcdef,web:fedcba9876543210' })
  expect(apiKeys.map(({ name }) => name)).toEqual(['web', 'web'])
})

test.each([
  { API_KEYS: 'web:0123456789abcdef' },
  { API_KEYS_FILE: 'keys.txt' },
  { JWT_JWKS_URL: 'https://login.example/k', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' },
])('HOST can be any address if callers are configured (%o)', (environment) => {
  expect(mistakesIn({ HOST: '0.0.0.0', KIE_API_KEY: 'k', ...environment })).toEqual([])
})

test('all mistakes are reported at once, by name and without values', () => {
  const secret = 'hunter2 hunter2'
  const environment = {
    ...Object.fromEntries(Object.keys(badValues).map((name) => [name, secret])),
    HOST: '0.0.0.0',
  }
  const mistakes = mistakesIn(environment)
  const named = new Set(mistakes.map((mistake) => mistake.split(' ')[0]))
  // HOST is not reported: whether it is allowed depends on ALLOW_ANONYMOUS, which is invalid itself.
  expect(named).toEqual(new Set(Object.keys(badValues)))
  expect(mistakes.join('\n')).not.toContain('hunter2')
  expect(mistakesIn({ PORT: 'x', HOST: '0.0.0.0', DEFAULT_PROVIDER: 'kie', LOG_LEVLE: 'x' })).toEqual([
    expect.stringMatching(/^PORT /),
    expect.stringMatching(/^DEFAULT_PROVIDER /),
    expect.stringMatching(/^HOST /),
    expect.stringMatching(/^SANDBOX /),
    expect.stringMatching(/^LOG_LEVLE /),
  ])
})

test('DATABASE_CONNECTIONS is rejected with a file', () => {
  const mistake = expect.stringMatching(/^DATABASE_CONNECTIONS has an effect on PostgreSQL only/)
  expect(mistakesIn({ DATABASE_CONNECTIONS: '20' })).toEqual([mistake])
  expect(mistakesIn({ DATABASE_CONNECTIONS: '20', DATABASE_URL: 'postgres://db/stems' })).toEqual([])
})

test('REDIS_URL is rejected with a database in memory', () => {
  const shared = { DATABASE_URL: ':memory:', REDIS_URL: 'redis://127.0.0.1' }
  expect(mistakesIn(shared)).toEqual([expect.stringMatching(/^REDIS_URL has no use with DATABASE_URL=:memory:/)])
  expect(mistakesIn({ ...shared, DATABASE_URL: 'file:shared.db' })).toEqual([])
  expect(mistakesIn({ DATABASE_URL: 'postgresql://db/stems' })).toEqual([])
})

describe('the default provider', () => {
  test('is the first one with a key, or the sandbox if none has one', () => {
    expect(parseConfig({}).defaultProvider).toBe('sandbox')
    expect(parseConfig({ SUNOAPI_API_KEY: 'k' }).defaultProvider).toBe('sunoapi')
    expect(parseConfig({ SUNOAPI_API_KEY: 'k', APIKLEY_API_KEY: 'k' }).defaultProvider).toBe('apikley')
    expect(parseConfig({ SUNOAPI_API_KEY: 'k', APIKLEY_API_KEY: 'k', KIE_API_KEY: 'k' }).defaultProvider).toBe('kie')
  })

  test('can be named in any case', () => {
    expect(parseConfig({ DEFAULT_PROVIDER: 'SANDBOX' }).defaultProvider).toBe('sandbox')
    const both = { SUNOAPI_API_KEY: 'k', KIE_API_KEY: 'k' }
    expect(parseConfig({ ...both, DEFAULT_PROVIDER: 'sunoapi' }).defaultProvider).toBe('sunoapi')
  })

  test('must be on', () => {
    expect(mistakesIn({ DEFAULT_PROVIDER: 'kie' })).toEqual([
      'DEFAULT_PROVIDER is a provider without a key: set KIE_API_KEY.',
    ])
    expect(mistakesIn({ DEFAULT_PROVIDER: 'apikley', KIE_API_KEY: 'k' })).toEqual([
      'DEFAULT_PROVIDER is a provider without a key: set APIKLEY_API_KEY.',
    ])
    expect(mistakesIn({ DEFAULT_PROVIDER: 'sandbox', KIE_API_KEY: 'k' })).toEqual([
      'DEFAULT_PROVIDER must not be sandbox: the sandbox is off as soon as a provider has a key.',
    ])
    // Its key is set and invalid, which is one mistake.
    expect(mistakesIn({ DEFAULT_PROVIDER: 'kie', KIE_API_KEY: 'two words' })).toEqual([
      expect.stringMatching(/^KIE_API_KEY must consist of ASCII /),
    ])
  })
})

test('GIVE_UP_AFTER_SECONDS must not be less than UNCONFIRMED_AFTER_SECONDS', () => {
  const mistake = 'GIVE_UP_AFTER_SECONDS must not be less than UNCONFIRMED_AFTER_SECONDS (default 3600).'
  expect(mistakesIn({ GIVE_UP_AFTER_SECONDS: '600' })).toEqual([mistake])
  expect(mistakesIn({ UNCONFIRMED_AFTER_SECONDS: '90000' })).toEqual([mistake])
  expect(mistakesIn({ GIVE_UP_AFTER_SECONDS: '600', UNCONFIRMED_AFTER_SECONDS: '600' })).toEqual([])
  // One of them is invalid, which is one mistake.
  expect(mistakesIn({ GIVE_UP_AFTER_SECONDS: '600', UNCONFIRMED_AFTER_SECONDS: '1h' })).toHaveLength(1)
})

describe('the host', () => {
  test.each(['127.0.0.1', '127.0.0.53', 'localhost', 'LOCALHOST', '::1', '[::1]'])(
    '%s is a loopback address',
    (host) => {
      expect(isLoopback(host)).toBe(true)
      expect(parseConfig({ HOST: host }).allowAnonymous).toBe(false)
    },
  )

  test.each(['0.0.0.0', '::', '192.168.0.10', 'stems.example', 'localhost.example', '127.0.0.1.nip.io', '128.0.0.1'])(
    '%s is refused unless ALLOW_ANONYMOUS=true',
    (host) => {
      for (const environment of [{}, { ALLOW_ANONYMOUS: 'false' }]) {
        expect(mistakesIn({ HOST: host, KIE_API_KEY: 'k', ...environment })).toEqual([
          expect.stringMatching(/^HOST .*ALLOW_ANONYMOUS=true/),
        ])
      }
      expect(parseConfig({ HOST: host, KIE_API_KEY: 'k', ALLOW_ANONYMOUS: 'true' }).host).toBe(host)
    },
  )

  test('can be an IPv6 address in brackets', () => {
    expect(parseConfig({ HOST: '[::1]' }).host).toBe('::1')
  })
})

test.each([
  { what: 'by default', environment: {}, isOn: true },
  { what: 'with a loopback PUBLIC_URL', environment: { PUBLIC_URL: 'http://[::1]:4000' }, isOn: true },
  {
    what: 'with a public PUBLIC_URL',
    environment: { PUBLIC_URL: 'https://stems.example', SANDBOX: 'true' },
    isOn: false,
  },
  {
    what: 'with a public HOST',
    environment: { HOST: '0.0.0.0', ALLOW_ANONYMOUS: 'true', KIE_API_KEY: 'k' },
    isOn: false,
  },
])(
  'the player page, GraphiQL and introspection are on only on loopback addresses, unless configured ($what)',
  ({ environment, isOn }) => {
    expect(parseConfig(environment)).toMatchObject({ webPage: isOn, graphiql: isOn, introspection: isOn })
    const other = String(!isOn)
    expect(parseConfig({ ...environment, WEB_PAGE: other, GRAPHIQL: other, INTROSPECTION: other })).toMatchObject({
      webPage: !isOn,
      graphiql: !isOn,
      introspection: !isOn,
    })
  },
)

describe('the archive', () => {
  const keys = { ARCHIVE_S3_ACCESS_KEY_ID: 'id', ARCHIVE_S3_SECRET_ACCESS_KEY: 'secret' }

  test('is a folder or a bucket, and keeps copies for ever unless a number of days is set', () => {
    expect(parseConfig({ ARCHIVE_URL: 'file:data/stems' }).archive).toMatchObject({
      location: { kind: 'folder', path: 'data/stems' },
      retentionMs: Infinity,
      maxFileBytes: 500_000_000,
    })
    const bucket = {
      ARCHIVE_URL: 's3://stems/a/b/',
      ARCHIVE_S3_REGION: 'eu-west-1',
      ARCHIVE_RETENTION_DAYS: '30',
      ...keys,
    }
    expect(parseConfig(bucket).archive).toMatchObject({
      location: {
        kind: 's3',
        bucket: 'stems',
        prefix: 'a/b',
        region: 'eu-west-1',
        endpoint: 'https://s3.eu-west-1.amazonaws.com',
        accessKeyId: 'id',
        secretAccessKey: 'secret',
      },
      retentionMs: 30 * 24 * 60 * 60_000,
    })
  })

  test.each<readonly [Readonly<Record<string, string>>, RegExp]>([
    [{ ARCHIVE_URL: 'data/stems' }, /^ARCHIVE_URL must be file:<folder> or s3/],
    [{ ARCHIVE_URL: 's3://stems/../other', ...keys }, /^ARCHIVE_URL must be file:<folder> or s3/],
    [{ ARCHIVE_URL: 'file:stems', STEM_LINKS: 'direct' }, /^ARCHIVE_URL has no use with STEM_LINKS=direct/],
    [{ ARCHIVE_URL: 's3://stems' }, /set ARCHIVE_S3_ACCESS_KEY_ID and ARCHIVE_S3_SECRET_ACCESS_KEY too/],
    [{ ARCHIVE_URL: 'file:stems', ...keys }, /^ARCHIVE_URL is a folder, for which ARCHIVE_S3_ACCESS_KEY_ID/],
    [{ ARCHIVE_RETENTION_DAYS: '30' }, /^ARCHIVE_RETENTION_DAYS needs? ARCHIVE_URL/],
    [{ ARCHIVE_URL: 'file:stems', ARCHIVE_RETENTION_DAYS: '0' }, /^ARCHIVE_RETENTION_DAYS must be at least 1/],
  ])('is refused as %o', (environment, mistake) => {
    expect(mistakesIn(environment)).toEqual([expect.stringMatching(mistake)])
  })
})
