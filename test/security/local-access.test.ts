import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { order, startGateway, type TestGateway } from '../support/gateway.ts'
import { webSocketUrl } from '../support/transports.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

interface Init {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Unlike fetch, sends any Host and Origin. */
async function ask({ url }: TestGateway, path: string, init: Init = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = init
  const request = httpRequest(`${url}${path}`, { method, headers })
  request.end(body)
  const [response] = await once(request, 'response')
  return { status: response.statusCode, headers: response.headers, text: await readAll(response) }
}

const json = { 'content-type': 'application/json' }
const body = '{"query":"{ __typename }"}'
const answered = '{"data":{"__typename":"Query"}}'

/** Everything that is available on this machine only. */
const inside: readonly { readonly what: string; readonly path: string; readonly init?: Init }[] = [
  { what: 'an operation by POST', path: '/graphql', init: { method: 'POST', headers: json, body } },
  { what: 'an operation by GET', path: '/graphql?query={__typename}' },
  {
    what: 'an event stream',
    path: '/graphql?query={__typename}',
    init: { headers: { accept: 'text/event-stream' } },
  },
  { what: 'GraphiQL', path: '/graphql', init: { headers: { accept: 'text/html' } } },
  { what: 'the redirect to GraphiQL', path: '/' },
  { what: 'the player page', path: '/', init: { headers: { accept: 'text/html' } } },
  { what: 'the script of the player page', path: '/web/page.js' },
  { what: 'the metrics', path: '/metrics' },
  { what: 'the readiness', path: '/health/ready' },
  { what: "the sandbox's ledger", path: '/sandbox/ledger' },
  { what: "the sandbox's tracks", path: '/sandbox/tracks' },
]

const fromElsewhere: readonly Readonly<Record<string, string>>[] = [
  { host: 'evil.example' },
  { host: 'localhost.evil.example' },
  { host: '127.0.0.1.nip.io:4000' },
  { host: 'evil.example:80@localhost' },
  { host: 'localhost.' },
  { host: '0.0.0.0:4000' },
  { host: '192.168.0.10:4000' },
  { host: '[::]:4000' },
  { 'x-forwarded-for': '203.0.113.7' },
  { 'x-forwarded-host': 'evil.example' },
  { 'x-forwarded-proto': 'https' },
  { 'x-real-ip': '203.0.113.7' },
  { forwarded: 'for=203.0.113.7' },
  { via: '1.1 tunnel' },
  { 'cf-connecting-ip': '203.0.113.7' },
  { 'true-client-ip': '203.0.113.7' },
  { 'x-original-forwarded-for': '203.0.113.7' },
  { 'x-original-host': 'evil.example' },
  { 'x-azure-clientip': '203.0.113.7' },
  { 'x-azure-socketip': '203.0.113.7' },
  { 'x-envoy-external-address': '203.0.113.7' },
  { 'x-appengine-user-ip': '203.0.113.7' },
  { 'wl-proxy-client-ip': '203.0.113.7' },
  { 'cdn-loop': 'cloudflare' },
  { 'cf-ray': '7d0f1c2b3a4e5f60-FRA' },
  { 'x-amzn-trace-id': 'Root=1-67891233-abcdef012345678912345678' },
]

describe('without configured callers', () => {
  test.each(inside)('$what is available on this machine only', async ({ path, init = {} }) => {
    const gateway = await startGateway()
    const own = await ask(gateway, path, init)
    expect(own.status).toBeLessThan(400)
    for (const foreign of fromElsewhere) {
      const { status, text } = await ask(gateway, path, { ...init, headers: { ...init.headers, ...foreign } })
      expect({ foreign, status }).toEqual({ foreign, status: 403 })
      if (init.headers?.['accept'] === 'text/html') {
        expect(text).toMatch(/^<!doctype html>[^]*own machine/)
        continue
      }
      expect(JSON.parse(text)).toEqual({
        errors: [
          {
            message: expect.stringMatching(/own machine/),
            extensions: { code: 'FORBIDDEN' },
          },
        ],
      })
    }
  })

  test.each(fromElsewhere)('a WebSocket with %j is refused', async (headers) => {
    const gateway = await startGateway()
    expect(await upgrade(gateway, headers)).toMatchObject({
      status: 403,
      text: expect.stringContaining('ALLOW_ANONYMOUS=true'),
    })
  })

  test.each(['localhost', 'LOCALHOST:4000', 'localhost:1', '127.0.0.1', '127.1.2.3:80', '[::1]', '[::1]:4000'])(
    'Host: %s counts as this machine',
    async (host) => {
      const gateway = await startGateway()
      expect((await ask(gateway, '/graphql', { method: 'POST', headers: { ...json, host }, body })).text).toBe(answered)
      expect(await upgrade(gateway, { host })).toEqual({ status: 101 })
    },
  )

  test('a request without Host is refused', async () => {
    const gateway = await startGateway()
    const path = '/graphql?query=%7B__typename%7D'
    expect(await sendRaw(gateway, `GET ${path} HTTP/1.0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 403 /)
    expect(await sendRaw(gateway, `GET ${path} HTTP/1.1\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /)
    expect(await sendRaw(gateway, `GET ${path} HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 403 /,
    )
  })

  test('an absolute URL of another host is refused, whatever its Host header is', async () => {
    const gateway = await startGateway()
    const raw =
      'GET http://evil.example/graphql?query=%7B__typename%7D HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
    expect(await sendRaw(gateway, raw)).toMatch(/^HTTP\/1\.1 404 /)
  })

  test("callbacks, the sandbox's files and the liveness are available to everyone", async () => {
    const gateway = await startGateway()
    const task = await separated(gateway)
    for (const headers of fromElsewhere) {
      expect((await ask(gateway, '/health/live', { headers })).text).toBe('{"status":"live"}')
      const file = await ask(gateway, new URL(task.url).pathname, { method: 'HEAD', headers })
      expect({ headers, status: file.status }).toEqual({ headers, status: 200 })
      // An invalid callback URL is 404 and not 403.
      const callback = await ask(gateway, '/callbacks/kie/x/y', {
        method: 'POST',
        headers: { ...json, ...headers },
        body: '{}',
      })
      expect(callback.status).toBe(404)
    }
  })

  test('ALLOW_ANONYMOUS=true lets everyone order, but keeps the metrics and the sandbox on this machine', async () => {
    const gateway = await startGateway({ ALLOW_ANONYMOUS: 'true' })
    const operators = ['/metrics', '/sandbox/ledger', '/sandbox/tracks']
    for (const headers of [...fromElsewhere, { host: 'stems.example', 'x-forwarded-for': '203.0.113.7' }]) {
      for (const { path, init = {} } of inside) {
        const { status } = await ask(gateway, path, { ...init, headers: { ...init.headers, ...headers } })
        const isForOperators = operators.includes(path)
        const isAnswered = isForOperators ? status === 403 : status < 500 && status !== 403
        expect({ path, headers, status, isAnswered }).toEqual({ path, headers, status, isAnswered: true })
      }
    }
    for (const path of operators) expect((await ask(gateway, path)).status).toBe(200)
    expect(await upgrade(gateway, { host: 'stems.example', 'x-forwarded-for': '203.0.113.7' })).toEqual({ status: 101 })
  })
})

describe('a web page', () => {
  const listed = 'https://app.example.com'
  const toBeRead = {
    'access-control-allow-origin': listed,
    'access-control-expose-headers': 'retry-after, www-authenticate, x-request-id, traceparent',
    vary: 'Origin',
  }
  const other = 'http://localhost:5173'
  const configured = { CORS_ORIGINS: `${listed}, ${other}` }
  const foreigners = ['https://evil.example', 'https://app.example.com.evil.example', 'http://app.example.com', 'null']

  test('of another origin cannot open a WebSocket', async () => {
    const gateway = await startGateway(configured)
    for (const origin of [...foreigners, 'https://app.example.com:8443', 'nonsense', '']) {
      const refused = { origin, status: 403, text: expect.stringContaining('CORS_ORIGINS') }
      expect({ origin, ...(await upgrade(gateway, { origin })) }).toEqual(refused)
    }
    // ALLOW_ANONYMOUS does not allow pages of other origins.
    const open = await startGateway({ ALLOW_ANONYMOUS: 'true' })
    expect((await upgrade(open, { origin: 'https://evil.example' })).status).toBe(403)
  })

  test('of the gateway’s own or a listed origin can open a WebSocket, as can clients without a page', async () => {
    const gateway = await startGateway(configured)
    for (const headers of [{ origin: gateway.url }, { origin: listed }, { origin: other }, {}]) {
      expect(await upgrade(gateway, headers)).toEqual({ status: 101 })
    }
  })

  test.each([
    { what: 'one origin', environment: { CORS_ORIGINS: listed } },
    { what: 'two origins', environment: configured },
  ])('of a listed origin can read answers ($what)', async ({ environment }) => {
    const gateway = await startGateway(environment)
    const headers = { ...json, origin: listed }
    for (const init of [
      { method: 'POST', headers, body },
      { method: 'POST', headers: { ...headers, accept: 'text/event-stream' }, body },
      { method: 'POST', headers, body: '{"query":"{"}' },
    ]) {
      const answer = await ask(gateway, '/graphql', init)
      expect(corsHeaders(answer)).toEqual(toBeRead)
    }
    const preflight = await ask(gateway, '/graphql', {
      method: 'OPTIONS',
      headers: {
        origin: listed,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,authorization',
      },
    })
    expect(preflight.status).toBe(204)
    expect(corsHeaders(preflight)).toEqual({
      ...toBeRead,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'content-type,authorization',
      'access-control-max-age': '600',
    })
  })

  test.each([
    { what: 'from another machine', status: 403, init: { headers: { ...json, host: 'evil.example' }, body } },
    { what: 'of another type', status: 415, init: { headers: { 'content-type': 'text/plain' }, body } },
    { what: 'that is too large', status: 413, init: { headers: json, body: 'x'.repeat(65 * 1024) } },
  ])('of a listed origin can read why a request $what is refused', async ({ status, init }) => {
    const gateway = await startGateway(configured)
    const headers = { ...init.headers, origin: listed }
    const answer = await ask(gateway, '/graphql', { method: 'POST', ...init, headers })
    expect(answer.status).toBe(status)
    expect(corsHeaders(answer)).toEqual(toBeRead)
  })

  test.each([
    { what: 'none', environment: {} },
    { what: 'one', environment: { CORS_ORIGINS: listed } },
    { what: 'two', environment: configured },
  ])('of an origin that is not listed can read nothing ($what listed)', async ({ environment }) => {
    const gateway = await startGateway(environment)
    for (const origin of foreigners) {
      const answers = [
        await ask(gateway, '/graphql', { method: 'POST', headers: { ...json, origin }, body }),
        await ask(gateway, '/graphql?query={__typename}', { headers: { origin } }),
        await ask(gateway, '/graphql?query={__typename}', { headers: { origin, accept: 'text/event-stream' } }),
        await ask(gateway, '/graphql', {
          method: 'OPTIONS',
          headers: {
            origin,
            'access-control-request-method': 'POST',
            'access-control-request-headers': 'content-type',
          },
        }),
      ]
      for (const { headers } of answers) {
        expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
      }
    }
  })
})

function corsHeaders({ headers }: Answer): Record<string, unknown> {
  const isCors = (name: string) => name.startsWith('access-control-') || name === 'vary'
  return Object.fromEntries(Object.entries(headers).filter(([name]) => isCors(name)))
}

/** Tries to open a WebSocket; returns status 101 if it was opened. */
async function upgrade(
  { url }: TestGateway,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; text?: string }> {
  const socket = new WebSocket(webSocketUrl(url), 'graphql-transport-ws', { headers })
  onTestFinished(() => socket.terminate())
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ status: 101 }))
    socket.once('error', reject)
    socket.once('unexpected-response', (_request, response) => {
      readAll(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject)
    })
  })
}

async function sendRaw({ url }: TestGateway, text: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write(text)
  return readAll(socket)
}

async function readAll(source: AsyncIterable<unknown>): Promise<string> {
  let text = ''
  for await (const chunk of source) text += String(chunk)
  return text
}

/** The URL of a stem of the sandbox. */
async function separated(gateway: TestGateway): Promise<{ readonly url: string }> {
  const taskId = await order(gateway, { audioId: 'done' })
  const query = `subscription { separationUpdated(taskId: "${taskId}") { stems { ... on StemSet { all { url } } } } }`
  for await (const { data } of gateway
    .connect()
    .iterate<{ separationUpdated: { stems: { all: { url: string }[] } | null } }>({
      query,
    })) {
    const [stem] = data?.separationUpdated.stems?.all ?? []
    if (stem !== undefined) return stem
  }
  throw new Error('The separation ended without a stem.')
}
