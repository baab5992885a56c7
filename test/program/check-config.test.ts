import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, type Server } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { canary, expectNoCanary } from '../support/canaries.ts'
import { newDatabase } from '../support/database.ts'
import { collectorToken, startCollector } from '../support/collector.ts'
import { freePort } from '../support/free-port.ts'
import { startGateway } from '../support/gateway.ts'
import { listenOnLoopback } from '../support/listen-on-loopback.ts'
import { newDatabaseUrl } from '../support/program.ts'
import { runProgram } from '../support/run-program.ts'
import { findPostgres, findRedis, newPostgresDatabase } from '../support/services.ts'

const [postgres, redis] = [await findPostgres(), await findRedis()]

/** The result of `--check-config --json`, each check with its status. */
async function check(environment: Readonly<Record<string, string>>) {
  const { code, stdout, stderr, files } = await runProgram('main.js', ['--check-config', '--json'], environment)
  expectNoCanary(stdout + stderr, 'the result of --check-config')
  const result: { readonly ok: boolean; readonly checks: readonly Record<'check' | 'status' | 'message', string>[] } =
    JSON.parse(stdout)
  const statuses = Object.fromEntries(result.checks.map((each) => [each.check, each.status]))
  const messagesOf = (name: string) => result.checks.filter((each) => each.check === name).map(({ message }) => message)
  const messageOf = (name: string) => messagesOf(name)[0]
  return { code, isOk: result.ok, statuses, messageOf, messagesOf, stderr, files }
}

/** A provider whose credits call answers like this. It takes no orders. */
async function startCredits(
  answer: object | ((key: string) => object),
  /** What its answers have in `Date`; null: none. */
  dateOf: (() => Date) | null = () => new Date(),
): Promise<{ readonly url: string; readonly requests: readonly string[] }> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.authorization}`)
    response.sendDate = false
    if (dateOf !== null) response.setHeader('date', dateOf().toUTCString())
    const key = request.headers.authorization?.replace('Bearer ', '') ?? ''
    response.end(JSON.stringify(typeof answer === 'function' ? answer(key) : answer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${portOf(server)}`, requests }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
  return address.port
}

test('--check-config finds nothing wrong at home, and creates no file', async () => {
  const { code, stdout, stderr, files } = await runProgram('main.js', ['--check-config'])
  expect({ code, stderr, files }).toEqual({ code: 0, stderr: '', files: [] })
  const rows = stdout.split('\n').slice(0, -3)
  expect(rows.map((row) => row.split(/\s{2,}/).slice(0, 2))).toEqual([
    ['ok', 'environment'],
    ['ok', 'database'],
    ['ok', 'sandbox'],
    ['ok', 'port'],
    ['ok', 'public-url'],
  ])
  expect(stdout).toMatch(/\n\nA gateway can start with this configuration: 0 errors, 0 warnings\.\n$/)
})

test('--check-config asks a provider for the balance with the key, and for nothing else', async () => {
  const key = `kie-key-${canary}`
  const provider = await startCredits({ code: 200, msg: 'success', data: 12.5 })
  const { code, statuses, messageOf } = await check({ KIE_API_KEY: key, KIE_BASE_URL: provider.url })
  expect(messageOf('kie')).toBe('accepts the key; the account has 12.5 credits')
  expect(statuses).toMatchObject({ kie: 'ok', 'public-url': 'warning' })
  expect(code).toBe(0)
  expect(provider.requests).toEqual([`GET /api/v1/chat/credit Bearer ${key}`])
})

test('--check-config asks with each of several keys', async () => {
  const provider = await startCredits((key) =>
    key === 'b' ? { code: 401, msg: 'No', data: null } : { code: 200, msg: 'success', data: 7 },
  )
  const { code, statuses, messageOf } = await check({ KIE_API_KEY: 'a,b', KIE_BASE_URL: provider.url })
  expect(statuses).toMatchObject({ 'kie-key-1': 'ok', 'kie-key-2': 'error' })
  expect(messageOf('kie-key-2')).toBe('does not accept the API key')
  expect(code).toBe(1)
})

const account = { code: 200, msg: 'success', data: 7 }
const shifted = (seconds: number) => () => new Date(Date.now() + seconds * 1_000)

test('without PostgreSQL, --check-config compares the clock with the provider that tells the time', async () => {
  for (const [seconds, status, says] of [
    [0, 'ok', /^this machine's clock agrees with that of sunoapi, to a second or two$/],
    [90, 'warning', /^this machine's clock is (89|9\d)\.\d s behind that of sunoapi: use NTP$/],
    [-90, 'warning', /^this machine's clock is (89|9\d)\.\d s ahead of that of sunoapi: use NTP$/],
  ] as const) {
    const silent = await startCredits(account, null)
    const telling = await startCredits(account, shifted(seconds))
    const { code, statuses, messageOf } = await check({
      KIE_API_KEY: 'k',
      KIE_BASE_URL: silent.url,
      SUNOAPI_API_KEY: 's',
      SUNOAPI_BASE_URL: telling.url,
    })
    expect(messageOf('clock')).toMatch(says)
    expect(statuses).toMatchObject({ kie: 'ok', sunoapi: 'ok', clock: status })
    expect(code).toBe(0)
  }
})

test('--check-config says nothing of the clock if no provider tells the time', async () => {
  const provider = await startCredits(account, null)
  const { statuses } = await check({ KIE_API_KEY: 'k', KIE_BASE_URL: provider.url })
  expect(statuses).toMatchObject({ kie: 'ok' })
  expect(statuses).not.toHaveProperty('clock')
})

test('--check-config reports every kind of trouble at once', async () => {
  const refusing = await startCredits({ code: 401, msg: `key ${canary} is not valid`, data: null })
  const port = new URL(refusing.url).port
  const file = (await newDatabaseUrl()).slice('file:'.length)
  await writeFile(file, `no database: ${canary} `.repeat(100))
  const { code, isOk, statuses, messageOf, stderr } = await check({
    DATABASE_URL: `file:${file}`,
    REDIS_URL: `redis://user:${canary}@127.0.0.1:${await freePort()}`,
    KIE_API_KEY: `kie-key-${canary}`,
    KIE_BASE_URL: refusing.url,
    SUNOAPI_API_KEY: `sunoapi-key-${canary}`,
    SUNOAPI_BASE_URL: `http://127.0.0.1:${await freePort()}`,
    API_KEYS_FILE: file,
    ARCHIVE_URL: 's3://stems',
    ARCHIVE_S3_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
    ARCHIVE_S3_ACCESS_KEY_ID: 'id',
    ARCHIVE_S3_SECRET_ACCESS_KEY: `archive-key-${canary}`,
    PUBLIC_URL: 'https://nowhere.invalid',
    PORT: port,
  })
  expect(statuses).toEqual({
    environment: 'ok',
    database: 'error',
    redis: 'error',
    kie: 'error',
    sunoapi: 'warning',
    clock: 'ok',
    archive: 'warning',
    'api-keys': 'error',
    port: 'warning',
    'public-url': 'error',
  })
  expect(messageOf('database')).toMatch(/file is not a database/)
  expect(messageOf('redis')).toMatch(/ECONNREFUSED/)
  expect(messageOf('kie')).toBe('does not accept the API key')
  expect(messageOf('port')).toMatch(/in use/)
  expect({ code, isOk, stderr }).toEqual({ code: 1, isOk: false, stderr: '' })
})

test('--check-config finds a budget of credits in API_KEYS_FILE that cannot be counted', async () => {
  const provider = await startCredits({ code: 200, msg: 'success', data: 1 })
  const file = (await newDatabaseUrl()).slice('file:'.length)
  await writeFile(file, `web:${canary}-0123456789 credits=100/day\n`)
  const { code, messageOf } = await check({ KIE_API_KEY: 'k', KIE_BASE_URL: provider.url, API_KEYS_FILE: file })
  expect(messageOf('api-keys')).toBe(
    'API_KEYS_FILE is unusable: a credits budget needs a price for each type in KIE_PRICES',
  )
  expect(code).toBe(1)
})

test('--check-config warns of callers whose orders no budget limits', async () => {
  const file = (await newDatabaseUrl()).slice('file:'.length)
  const key = (nth: number) => `${canary}-0123456789-${nth}`
  const lines = [
    `file:${key(1)} split_stem=5/day`,
    `typed:${key(2)} types=split_stem split_stem=5/day`,
    `both:${key(3)} separate_vocal=5/day split_stem=5/month`,
    `own:${key(4)} orders=5/month`,
  ]
  await writeFile(file, lines.map((line) => `${line}\n`).join(''))
  const environment = {
    SANDBOX: 'true',
    API_KEYS: `web:${key(5)} providers=kie,web:${key(6)},rich:${key(7)} credits=100/month`,
    API_KEYS_FILE: file,
  }
  const { code, statuses, messagesOf } = await check(environment)
  expect(messagesOf('callers')).toEqual(['web, file have no budget: set ORDERS_PER_DAY, or orders=… after the key'])
  expect(statuses).toMatchObject({ callers: 'warning' })
  expect(code).toBe(0)
  expect((await check({ ...environment, ORDERS_PER_DAY: '5' })).messagesOf('callers')).toEqual([])
  await writeFile(file, 'a mistake\n')
  expect((await check(environment)).messagesOf('callers')).toEqual([
    'web has no budget: set ORDERS_PER_DAY, or orders=… after the key',
  ])
})

test('--check-config counts a PostgreSQL that cannot be reached as one error', async () => {
  const { code, statuses } = await check({ DATABASE_URL: `postgres://127.0.0.1:${await freePort()}/stemgate` })
  expect(statuses).toEqual({
    environment: 'ok',
    database: 'error',
    redis: 'ok',
    sandbox: 'ok',
    port: 'ok',
    'public-url': 'ok',
  })
  expect(code).toBe(1)
})

test('--check-config warns of keys that have expired', async () => {
  const file = (await newDatabaseUrl()).slice('file:'.length)
  await writeFile(
    file,
    `old:${canary}-0123456789-1 expires=2020-01-01\nnew:${canary}-0123456789-2 expires=2999-01-01\n`,
  )
  const { code, messagesOf } = await check({
    SANDBOX: 'true',
    ORDERS_PER_DAY: '5',
    API_KEYS: `web:${canary}-0123456789-3 expires=2020-01-01T00:00:00Z`,
    API_KEYS_FILE: file,
  })
  expect(messagesOf('callers')).toEqual(['a key has expired (expires=…) of web, old'])
  expect(code).toBe(0)
})

test('a webhook in API_KEYS_FILE that messages are not sent to stops a start, and --check-config says why', async () => {
  const file = (await newDatabaseUrl()).slice('file:'.length)
  await writeFile(file, `web:${canary}-0123456789 webhook=https://192.168.1.9/${canary}?token=${canary}\n`)
  const environment = { SANDBOX: 'true', API_KEYS_FILE: file }
  const says =
    'API_KEYS_FILE is unusable: the webhook of web must not lead to a private address, unless WEBHOOK_HOSTS_ALLOWED has its host'
  expect((await check(environment)).messageOf('api-keys')).toBe(says)
  const start = await runProgram('main.js', [], environment)
  expectNoCanary(start.stdout + start.stderr, 'the output of a start')
  expect(start.stderr).toContain(`Stemgate could not start: ${says}\n`)
  expect((await check({ ...environment, WEBHOOK_HOSTS_ALLOWED: '192.168.1.9' })).statuses).toMatchObject({
    'api-keys': 'ok',
  })
})

test('keys in the place of the path of API_KEYS_FILE are never printed', async () => {
  const environment = { SANDBOX: 'true', API_KEYS_FILE: `web:${canary}-0123456789`, LOG_LEVEL: 'debug' }
  const { messageOf } = await check(environment)
  expect(messageOf('api-keys')).toBe('API_KEYS_FILE names a file that does not exist')
  const start = await runProgram('main.js', [], environment)
  expectNoCanary(start.stdout + start.stderr, 'the output of a start')
  expect(start.stderr).toContain('Stemgate could not start: API_KEYS_FILE names a file that does not exist\n')
})

test('--check-config ends although nothing answers', async () => {
  const silent = createTcpServer()
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  onTestFinished(() => void silent.close())
  const host = `127.0.0.1:${portOf(silent)}`
  const { code, statuses } = await check({
    DATABASE_URL: `postgres://stemgate:${canary}@${host}/stemgate`,
    REDIS_URL: `redis://:${canary}@${host}`,
    KIE_API_KEY: `kie-key-${canary}`,
    KIE_BASE_URL: `http://${host}`,
    JWT_JWKS_URL: `http://${host}/keys`,
    JWT_ISSUER: 'issuer',
    JWT_AUDIENCE: 'audience',
  })
  expect(statuses).toMatchObject({
    database: 'error',
    redis: 'error',
    kie: 'error',
    'token-keys': 'error',
  })
  expect(statuses).not.toHaveProperty('clock')
  expect(code).toBe(1)
})

test('--check-config asks the collector whether it takes spans, and sends it none', async () => {
  const collector = await startCollector()
  const at = `${collector.environment['OTEL_EXPORTER_OTLP_ENDPOINT']}v1/traces`
  for (const protocol of ['http/json', 'http/protobuf']) {
    const environment = { ...collector.environment, OTEL_EXPORTER_OTLP_PROTOCOL: protocol }
    expect((await check(environment)).messageOf('traces')).toBe(`the collector at ${at} takes spans`)
  }
  expect(collector.requests.map(({ path, headers }) => [path, headers.authorization])).toEqual(
    ['json', 'protobuf'].map(() => ['/v1/traces', `Bearer ${collectorToken}`]),
  )
  expect(collector.spans).toEqual([])
  collector.answer((response) => void response.writeHead(401).end())
  const { code, statuses, messageOf } = await check(collector.environment)
  expect(messageOf('traces')).toBe(`the collector at ${at} does not take spans, so traces are lost: HTTP 401`)
  expect(statuses).toMatchObject({ traces: 'warning' })
  expect(code).toBe(0)
  const none = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` }
  expect((await check(none)).messageOf('traces')).toMatch(/traces are lost: .*ECONNREFUSED/)
})

test('--check-config reports all mistakes in the environment', async () => {
  const { code, stdout } = await runProgram('main.js', ['--check-config'], { PORT: canary, KIE_APIKEY: canary })
  expect(code).toBe(1)
  expect(stdout).toMatch(/^error +environment +PORT must be .*\nerror +environment +KIE_APIKEY is not known/)
  expect(stdout).toMatch(/This configuration has mistakes: 2 errors, 0 warnings\.\n$/)
  expectNoCanary(stdout, 'the result of --check-config')
})

test('--check-config leaves a file of a gateway as it is', async () => {
  const { DATABASE_URL: url = '' } = await newDatabase()
  const before = await readFile(url.slice('file:'.length))
  const { statuses, messageOf } = await check({ DATABASE_URL: url })
  expect(statuses).toMatchObject({ database: 'ok' })
  expect(messageOf('database')).toMatch(/it needs no migration$/)
  expect((await readFile(url.slice('file:'.length))).equals(before)).toBe(true)
})

/** A server that answers everything like this, and the paths that it was asked for. */
async function startServer(answer: RequestListener): Promise<{ readonly url: string; readonly paths: string[] }> {
  const paths: string[] = []
  const server = createServer((request, response) => {
    paths.push(request.url ?? '')
    answer(request, response)
  })
  return { url: await listenOnLoopback(server, onTestFinished), paths }
}

test('--check-config says that PUBLIC_URL leads to a gateway', async () => {
  const gateway = await startGateway()
  const { statuses, messageOf, code } = await check({ PUBLIC_URL: gateway.url })
  expect(messageOf('public-url')).toBe(`${gateway.url} (127.0.0.1) leads to a gateway`)
  expect(statuses).toMatchObject({ 'public-url': 'ok' })
  expect(code).toBe(0)
})

test('before the first start, --check-config accepts a PUBLIC_URL at which nothing answers yet', async () => {
  const port = await freePort()
  const proxy = await startServer((_request, response) => response.writeHead(502).end('Bad Gateway'))
  const first = await check({ PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}` })
  expect(first.statuses).toMatchObject({ port: 'ok', 'public-url': 'ok' })
  expect(first.messageOf('public-url')).toMatch(/does not lead to a gateway yet \(.*ECONNREFUSED.*\)\. Check it again/)
  const behind = await check({ PUBLIC_URL: proxy.url })
  expect(behind.statuses).toMatchObject({ 'public-url': 'ok' })
  expect(behind.messageOf('public-url')).toMatch(/does not lead to a gateway yet \(the proxy answers with HTTP 502\)/)
})

test('once a gateway has run, --check-config warns of a PUBLIC_URL that nobody answers', async () => {
  const database = await newDatabase()
  const proxy = await startServer((_request, response) => response.writeHead(503).end())
  for (const [url, cause] of [
    [`http://127.0.0.1:${await freePort()}`, 'ECONNREFUSED'],
    [proxy.url, 'the proxy answers with HTTP 503'],
  ] as const) {
    const { code, statuses, messageOf } = await check({ ...database, PUBLIC_URL: url })
    expect(messageOf('public-url')).toMatch(/does not lead to a gateway, .*Is the gateway running, and does the proxy/)
    expect(messageOf('public-url')).toContain(cause)
    expect(statuses).toMatchObject({ 'public-url': 'warning' })
    expect(code).toBe(0)
  }
})

test('while the port is in use, --check-config warns of a PUBLIC_URL that nobody answers', async () => {
  const gateway = await startGateway()
  const { statuses } = await check({
    PORT: new URL(gateway.url).port,
    PUBLIC_URL: `http://127.0.0.1:${await freePort()}`,
  })
  expect(statuses).toMatchObject({ port: 'warning', 'public-url': 'warning' })
})

test('--check-config says what else answers at PUBLIC_URL', async () => {
  const page = await startServer((_request, response) => response.setHeader('content-type', 'text/html').end('Hello'))
  const empty = await startServer((_request, response) => response.writeHead(404).end())
  const long = await startServer((_request, response) => response.end('x'.repeat(100_000)))
  for (const [url, says] of [
    [`${page.url}/gateway`, '(HTTP 200, text/html at /health/live)'],
    [empty.url, '(HTTP 404 at /health/live)'],
    [long.url, 'cannot be reached from here'],
  ] as const) {
    const { statuses, messageOf } = await check({ PUBLIC_URL: url })
    expect(messageOf('public-url')).toContain(says)
    expect(statuses).toMatchObject({ 'public-url': 'warning' })
  }
  expect(page.paths).toEqual(['/gateway/health/live'])
})

test('--check-config warns of a PUBLIC_URL without HTTPS, whatever else is wrong with it', async () => {
  const provider = await startCredits(account)
  const gateway = await startGateway()
  const other = await startServer((_request, response) => response.writeHead(404).end())
  const insecure = 'PUBLIC_URL is not HTTPS: callback addresses are secrets, and travel in clear'
  for (const [url, says] of [
    [gateway.url, `leads to a gateway. ${insecure}`],
    [other.url, `Does the proxy route every path to the gateway? ${insecure}`],
  ] as const) {
    // An address of this machine that does not count as a loopback one.
    const PUBLIC_URL = url.replace(/127\.0\.0\.1|localhost/, '0.0.0.0')
    const { statuses, messageOf } = await check({ KIE_API_KEY: 'k', KIE_BASE_URL: provider.url, PUBLIC_URL })
    expect(messageOf('public-url')).toContain(says)
    expect(statuses).toMatchObject({ 'public-url': 'warning' })
  }
})

test('--check-config follows no redirect of PUBLIC_URL', async () => {
  const gateway = await startGateway()
  const { url } = await startServer((_request, response) =>
    response.writeHead(301, { location: `${gateway.url}/health/live?token=${canary}` }).end(),
  )
  const { statuses, messageOf } = await check({ PUBLIC_URL: url })
  expect(messageOf('public-url')).toContain(`redirects to ${gateway.url} (HTTP 301), `)
  expect(statuses).toMatchObject({ 'public-url': 'warning' })
})

test('--check-config names what is wrong with the certificate of PUBLIC_URL', async () => {
  const made = [
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    '/CN=localhost',
  ]
  const pem = execFileSync('openssl', ['req', ...made, '-keyout', '-', '-out', '-'], { stdio: 'pipe' })
  const server = createHttpsServer({ key: pem, cert: pem }, (_request, response) => response.end())
  server.listen(0, 'localhost')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { statuses, messageOf } = await check({ PUBLIC_URL: `https://localhost:${portOf(server)}` })
  expect(messageOf('public-url')).toMatch(
    /cannot be reached from here: self-signed certificate.*DEPTH_ZERO_SELF_SIGNED/,
  )
  expect(statuses).toMatchObject({ 'public-url': 'warning' })
})

test.skipIf(postgres === null || redis === null)(
  '--check-config asks PostgreSQL for its migrations and its time, and Redis for an answer',
  async () => {
    const url = await newPostgresDatabase()
    for (const _again of [1, 2]) {
      const { code, statuses, messageOf } = await check({ DATABASE_URL: url, REDIS_URL: redis ?? '' })
      expect(statuses).toMatchObject({ database: 'ok', clock: 'ok', redis: 'ok' })
      // Nothing was migrated by the first one.
      expect(messageOf('database')).toMatch(/is new: the start creates its tables$/)
      expect(code).toBe(0)
    }
  },
)
