import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { apikley } from '../../src/providers/vocal-removal/apikley.ts'
import { maxAnswerBytes } from '../../src/providers/client/http-answer.ts'
import { kie } from '../../src/providers/vocal-removal/kie.ts'
import { createRestProvider, type RestProviderOptions } from '../../src/providers/vocal-removal/rest-provider.ts'
import { sandbox } from '../../src/providers/vocal-removal/sandbox.ts'
import { sunoapi } from '../../src/providers/vocal-removal/sunoapi.ts'
import { createInProcessRates } from '../../src/coordination/in-process-rates.ts'
import type { RefusalReason } from '../../src/separation/task/failure.ts'
import { canary } from '../support/canaries.ts'
import type { ProviderOrder } from '../../src/separation/provider.ts'

const apiKey = `kie-key-${canary}`
const order: ProviderOrder = {
  owner: 'key:web',
  musicTaskId: '5c79****be8e',
  audioId: 'e231****-****-****-****-****8cadc7dc',
  type: 'split_stem',
  callbackUrl: 'https://gateway.example/callbacks/kie/sep_01h455vb4pex5vsknk084sn02q/dG9rZW4tb2YtdGhpcy10YXNr',
  trace: null,
}
const vocalTaskId = '3e63b4cc88d52611159371f6af5571e7'
const html = '<html><body>Bad gateway</body></html>'
const accepted = JSON.stringify({ code: 200, msg: 'success', data: { taskId: 'provider-task' } })

const disposals: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const dispose of disposals.splice(0).toReversed()) await dispose()
})

function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8')
}

/** A complete HTTP response as bytes. */
function http(status: number, body: string | Buffer, headers: Record<string, string> = {}): Buffer {
  const all = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)), ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} Answer\r\n${lines.join('')}\r\n`), Buffer.from(body)])
}

interface Recorded {
  readonly url: string
  readonly requests: { readonly head: string; readonly body: string; readonly atMs: number }[]
  readonly sockets: Socket[]
}

/** A server that records complete requests and answers them with `answer`. `accept` gets each connection first. */
async function serve(
  answer: (socket: Socket, request: { head: string; body: string }) => void,
  accept: (socket: Socket) => void = () => {},
): Promise<Recorded> {
  const recorded: Recorded = { url: '', requests: [], sockets: [] }
  const server = createServer((socket) => {
    recorded.sockets.push(socket)
    let waiting = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      waiting = Buffer.concat([waiting, bytes])
      for (let end = waiting.indexOf('\r\n\r\n'); end >= 0; end = waiting.indexOf('\r\n\r\n')) {
        const head = waiting.subarray(0, end).toString()
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
        if (waiting.length < end + 4 + length) return
        const body = waiting.subarray(end + 4, end + 4 + length).toString()
        waiting = waiting.subarray(end + 4 + length)
        recorded.requests.push({ head, body, atMs: performance.now() })
        answer(socket, { head, body })
      }
    })
    accept(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  disposals.push(async () => {
    for (const socket of recorded.sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return { ...recorded, url: `http://127.0.0.1:${portOf(server.address())}` }
}

/** The https URL of a server without TLS. */
async function secured(accept: (socket: Socket) => void): Promise<string> {
  const { url } = await serve(() => {}, accept)
  return url.replace('http:', 'https:')
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A closed port. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server.address())
  server.close()
  await once(server, 'close')
  return port
}

function ratesOf(readsPerSecond: number) {
  return createInProcessRates({ readsPerSecond: () => readsPerSecond, submitsPer10Seconds: () => 1_000 })
}

type Line = readonly [level: string, detail: Record<string, unknown>, message: string]

function createProvider(baseUrl: string | (() => string), options: Partial<RestProviderOptions> = {}) {
  const lines: Line[] = []
  const at = (level: string) => (detail: Record<string, unknown>, message: string) => {
    lines.push([level, detail, message])
  }
  const provider = createRestProvider({
    spec: kie,
    baseUrl,
    apiKeys: () => [apiKey],
    webhookKeys: () => [],
    rates: ratesOf(1_000),
    userAgent: 'stemgate/test',
    log: { info: at('info'), warn: at('warn'), error: at('error') },
    ...options,
  })
  disposals.push(() => provider.close())
  return {
    submit: (given: ProviderOrder) => provider.submit(given),
    check: (providerTaskId: string) => provider.check(providerTaskId),
    close: () => provider.close(),
    lines,
  }
}

describe.each([kie, apikley, sunoapi, sandbox])('a submit at $name', (spec) => {
  const isSunoapi = spec.name === 'sunoapi'
  const rows: readonly (readonly [number, RefusalReason | 'unknown', boolean | null])[] = [
    [400, 'invalid-input', false],
    [401, 'unavailable', false],
    isSunoapi ? [402, 'unknown', null] : [402, 'insufficient-credits', false],
    isSunoapi ? [404, 'unavailable', false] : [404, 'track-not-found', false],
    isSunoapi ? [405, 'rate-limited', true] : [405, 'unknown', null],
    [409, 'refused', false],
    [413, 'invalid-input', false],
    [422, 'invalid-input', false],
    isSunoapi ? [429, 'insufficient-credits', false] : [429, 'rate-limited', true],
    isSunoapi ? [430, 'rate-limited', true] : [430, 'unknown', null],
    [451, 'refused', false],
    [455, 'unavailable', true],
    [500, 'unknown', null],
    [501, 'unknown', null],
    [505, 'unknown', null],
    [531, 'unknown', null],
    [0, 'unknown', null],
    [201, 'unknown', null],
    [999, 'unknown', null],
  ]

  test.each(rows)(
    'with code %i is refused as %s (retryable: %s), with any HTTP status and also as text',
    async (code, reason, retryable) => {
      for (const [status, written] of [
        [200, code],
        [500, code],
        [429, String(code)],
      ] as const) {
        const server = await serve((socket) =>
          socket.end(http(status, JSON.stringify({ code: written, msg: 'why', data: null }))),
        )
        const { submit } = createProvider(server.url, { spec })
        const answer = await submit(order)
        const refused = { kind: 'refused', refusal: { reason, retryable, providerCode: code } }
        expect(answer).toMatchObject(reason === 'unknown' ? { kind: 'unknown' } : refused)
        expect(server.requests).toHaveLength(1)
        expect(server.sockets).toHaveLength(1)
      }
    },
  )

  test('with unknown ids is refused as track-not-found', async () => {
    const server = await serve((socket) => socket.end(http(200, fixture('submit-record-does-not-exist'))))
    const answer = await createProvider(server.url, { spec }).submit(order)
    expect(answer).toMatchObject({ kind: 'refused', refusal: { reason: 'track-not-found', providerCode: 422 } })
  })
})

describe('a submit', () => {
  test('sends the documented request, and returns the provider task id', async () => {
    const server = await serve((socket) => socket.end(http(200, fixture('submit-accepted'))))
    const { submit, lines } = createProvider(`${server.url}/prefix/`)
    expect(await submit(order)).toEqual({ kind: 'accepted', providerTaskId: '5c79****be8e' })
    const { head, body } = server.requests[0] ?? { head: '', body: '' }
    expect(head.split('\r\n')[0]).toBe('POST /prefix/api/v1/vocal-removal/generate HTTP/1.1')
    expect(head).toContain(`authorization: Bearer ${apiKey}`)
    expect(head).toContain('content-type: application/json')
    expect(head).toContain('user-agent: stemgate/test')
    expect(JSON.parse(body)).toEqual({
      taskId: order.musicTaskId,
      audioId: order.audioId,
      type: 'split_stem',
      callBackUrl: order.callbackUrl,
    })
    expect(lines).toEqual([])
  })

  test('uses a new connection each time and closes it, even if the provider keeps the old one', async () => {
    const server = await serve((socket) => socket.write(http(200, accepted, { connection: 'keep-alive' })))
    const { submit } = createProvider(() => server.url)
    for (let i = 0; i < 3; i += 1) expect(await submit(order)).toMatchObject({ kind: 'accepted' })
    await Promise.all(Array.from({ length: 20 }, () => submit(order)))
    expect(server.sockets).toHaveLength(23)
    expect(server.requests).toHaveLength(23)
    for (const socket of server.sockets) if (!socket.closed) await once(socket, 'close')
  })

  test('is accepted if the answer has a task id, even with HTTP 500', async () => {
    const server = await serve((socket) => socket.end(http(500, accepted)))
    expect(await createProvider(server.url).submit(order)).toEqual({
      kind: 'accepted',
      providerTaskId: 'provider-task',
    })
  })

  test.each([
    [401, 'unavailable', false],
    [403, 'unavailable', false],
    [404, 'unavailable', false],
    [429, 'rate-limited', true],
  ] as const)('is refused by a bare HTTP %i', async (status, reason, retryable) => {
    const server = await serve((socket) => socket.end(http(status, html, { 'content-type': 'text/html' })))
    const { submit, lines } = createProvider(server.url, { spec: sunoapi })
    expect(await submit(order)).toMatchObject({
      kind: 'refused',
      refusal: { reason, retryable, providerCode: null, retryAfterSeconds: null },
    })
    expect(lines.filter(([level]) => level === 'error')).toHaveLength(reason === 'unavailable' ? 1 : 0)
    expect(server.requests).toHaveLength(1)
  })

  test.each([
    ['17', 17],
    ['0', 1],
    ['Fri, 31 Dec 2199 23:59:59 GMT', 86_400],
    ['soon', null],
  ])('returns the seconds of Retry-After: %s', async (header, retryAfterSeconds) => {
    const server = await serve((socket) => socket.end(http(429, html, { 'retry-after': header })))
    expect(await createProvider(server.url).submit(order)).toMatchObject({ refusal: { retryAfterSeconds } })
  })

  test('logs a wrong key as an error, without the key', async () => {
    const msg = `Unauthorized: ${apiKey}`
    const server = await serve((socket) => socket.end(http(200, JSON.stringify({ code: 401, msg, data: null }))))
    const { submit, lines } = createProvider(server.url)
    const answer = await submit(order)
    expect(answer).toMatchObject({ kind: 'refused', refusal: { reason: 'unavailable', retryable: false } })
    expect(lines.map(([level]) => level)).toEqual(['error'])
    expect(JSON.stringify([answer, lines])).not.toContain(apiKey)
  })

  test('quotes the provider truncated, without the key, the callback URL and control characters', async () => {
    const msg = `bad\u0000 \u202e${apiKey} ${order.callbackUrl} dG9rZW4tb2YtdGhpcy10YXNr ${'é'.repeat(500)}`
    for (const code of [400, 402, 409, 422, 429, 455, 500]) {
      const server = await serve((socket) => socket.end(http(200, JSON.stringify({ code, msg, data: null }))))
      const { submit, lines } = createProvider(server.url)
      const answer = JSON.stringify([await submit(order), lines])
      expect(answer).toContain('bad [removed] [removed] [removed] éé')
      expect(answer).not.toContain('dG9rZW4tb2YtdGhpcy10YXNr')
      // With a line of the log, if the account has too few credits.
      expect(answer.length).toBeLessThan(700)
    }
  })

  const closing = { 'content-type': 'text/html', connection: 'close' }
  test.each<[string, (socket: Socket) => void]>([
    ['the line is cut before an answer', (socket) => socket.resetAndDestroy()],
    ['the line is closed before an answer', (socket) => socket.end()],
    [
      'the line is cut within the headers',
      (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-le', () => socket.resetAndDestroy()),
    ],
    [
      'the line is cut within the body',
      (socket) => socket.write(http(200, accepted).subarray(0, -5), () => socket.resetAndDestroy()),
    ],
    [
      'a refusal’s body breaks off',
      (socket) => socket.write(http(429, html).subarray(0, -5), () => socket.resetAndDestroy()),
    ],
    ['a refusal’s body is too long', (socket) => socket.end(http(403, html.padEnd(maxAnswerBytes + 1)))],
    ['the JSON is truncated', (socket) => socket.end(http(200, accepted.slice(0, -3)))],
    [
      'the answer has no length and is truncated',
      (socket) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${accepted.slice(0, -3)}`),
    ],
    ['the answer is not HTTP', (socket) => socket.end('220 mail.example ESMTP\r\n')],
    ['the answer is empty', (socket) => socket.end(http(200, ''))],
    ['the answer is HTML', (socket) => socket.end(http(200, html, closing))],
    ['the gateway there fails (502)', (socket) => socket.end(http(502, html, closing))],
    ['the gateway there waits in vain (504)', (socket) => socket.end(http(504, html, closing))],
    [
      'the server there is overloaded (503)',
      (socket) => socket.end(http(503, html, { ...closing, 'retry-after': '1' })),
    ],
    ['the request took too long (408)', (socket) => socket.end(http(408, html, closing))],
    ['success names no task', (socket) => socket.end(http(200, '{"code":200,"msg":"success","data":null}'))],
    ['success names an empty task', (socket) => socket.end(http(200, '{"code":200,"data":{"taskId":" "}}'))],
    ['the code is no code', (socket) => socket.end(http(200, '{"code":"OK","data":{"taskId":"a"}}'))],
    ['the answer is a list', (socket) => socket.end(http(200, '[]'))],
    [
      'the answer is compressed though we asked for plain',
      (socket) => socket.end(http(200, gzipSync(accepted), { 'content-encoding': 'gzip' })),
    ],
    ['the headers do not end', (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}`)],
  ])('is unknown and not repeated when %s', async (_, addIssue) => {
    const server = await serve((socket) => addIssue(socket))
    const answer = await createProvider(server.url).submit(order)
    expect(answer).toEqual({ kind: 'unknown', cause: expect.stringMatching(/./) })
    expect(JSON.stringify(answer)).not.toMatch(/secret|dG9rZW4/)
    expect(server.requests).toHaveLength(1)
    expect(server.sockets).toHaveLength(1)
  })

  test.each([301, 302, 303, 307, 308])('follows no redirect (%i)', async (status) => {
    const server = await serve((socket) => socket.end(http(status, '', { location: '/elsewhere' })))
    expect(await createProvider(server.url).submit(order)).toMatchObject({ kind: 'unknown' })
    expect(server.requests).toHaveLength(1)
  })

  test('makes no second connection if the first closes immediately', async () => {
    const server = await serve(
      () => {},
      (socket) => socket.resetAndDestroy(),
    )
    // The client may or may not have seen the connection before it closed; both results are correct.
    expect(['unknown', 'refused']).toContain((await createProvider(server.url).submit(order)).kind)
    expect(server.requests).toHaveLength(0)
    expect(server.sockets).toHaveLength(1)
  })

  test('is unknown if no answer comes in time', async () => {
    const server = await serve(() => {})
    const { submit } = createProvider(server.url, { timeouts: { submitMs: 50 } })
    expect(await submit(order)).toMatchObject({ kind: 'unknown' })
    expect(server.requests).toHaveLength(1)
    expect(server.sockets).toHaveLength(1)
  })

  test('is unknown if the answer never ends', async () => {
    const server = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      const timer = setInterval(() => socket.write('1\r\n \r\n'), 10)
      socket.on('close', () => clearInterval(timer))
    })
    const { submit } = createProvider(server.url, { timeouts: { submitMs: 100 } })
    expect(await submit(order)).toMatchObject({ kind: 'unknown' })
    expect(server.requests).toHaveLength(1)
  })

  test('closes the connection if the answer is too long', async () => {
    let left: Promise<unknown> | undefined
    const server = await serve((socket) => {
      left = new Promise((resolve) => socket.on('close', resolve))
      const chunk = ' '.repeat(65_536)
      const more = () => {
        if (!socket.destroyed) socket.write(`10000\r\n${chunk}\r\n`, more)
      }
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', more)
    })
    expect(await createProvider(server.url).submit(order)).toMatchObject({ kind: 'unknown' })
    await left
    expect(server.requests).toHaveLength(1)
  })

  test('reads an answer of the maximum length', async () => {
    const server = await serve((socket) => socket.end(http(200, accepted.padEnd(maxAnswerBytes))))
    expect(await createProvider(server.url).submit(order)).toMatchObject({ kind: 'accepted' })
  })

  test.each([
    ['nobody listens', async () => `http://127.0.0.1:${await closedPort()}`],
    ['the name does not exist', async () => 'http://provider.invalid'],
    ['the address is none', async () => 'not an address'],
    ['the address is not http', async () => 'ftp://127.0.0.1'],
    ['there is no TLS', () => secured((socket) => socket.once('data', () => socket.end(http(400, html))))],
    ['the line is closed during the TLS handshake', () => secured((socket) => socket.end())],
  ])('is refused as retryable if %s, because nothing was sent', async (_, address) => {
    const { submit, lines } = createProvider(await address())
    expect(await submit(order)).toEqual({
      kind: 'refused',
      refusal: {
        reason: 'unavailable',
        providerCode: null,
        message: 'kie.ai cannot be reached. Nothing was sent, so nothing was charged; try again later.',
        retryable: true,
        retryAfterSeconds: null,
      },
    })
    expect(lines.map(([level]) => level)).toEqual(['warn'])
  })

  test('is refused if the base URL is not known yet', async () => {
    const { submit } = createProvider(() => {
      throw new Error('not listening yet')
    })
    expect(await submit(order)).toMatchObject({ kind: 'refused', refusal: { reason: 'unavailable', retryable: true } })
  })

  test('is refused if the TLS handshake is never answered', async () => {
    const { submit } = createProvider(await secured(() => {}), { timeouts: { connectMs: 50 } })
    expect(await submit(order)).toMatchObject({ kind: 'refused', refusal: { reason: 'unavailable', retryable: true } })
  })

  test('passes a CDN that requires a User-Agent', async () => {
    const server = await serve((socket, { head }) =>
      socket.end(/^user-agent: \S/im.test(head) ? http(200, accepted) : http(403, html)),
    )
    expect(await createProvider(server.url).submit(order)).toMatchObject({ kind: 'accepted' })
    const nameless = await createProvider(server.url, { userAgent: '' }).submit(order)
    expect(nameless).toMatchObject({ kind: 'refused', refusal: { reason: 'unavailable', retryable: false } })
  })
})

describe('a check', () => {
  test('requests the task by its id, whatever characters the id has', async () => {
    const server = await serve((socket) => socket.write(http(200, fixture('record-info-unknown-task'))))
    const { check } = createProvider(server.url)
    expect(await check('a b&c=/?#é')).toEqual({ kind: 'not-found' })
    expect(await check('\ud800')).toEqual({ kind: 'not-found' })
    expect(server.requests[0]?.head).toContain(`authorization: Bearer ${apiKey}`)
    const target = server.requests[0]?.head.split(' ')[1] ?? ''
    expect(target).toMatch(/^\/api\/v1\/vocal-removal\/record-info\?/)
    expect(new URL(target, server.url).searchParams.get('taskId')).toBe('a b&c=/?#é')
  })

  test('reads the documented task, and reuses the connection for the next', async () => {
    const server = await serve((socket) => socket.write(http(200, fixture('record-info-separate-vocal'))))
    const { check } = createProvider(server.url)
    for (let i = 0; i < 6; i += 1) {
      expect(await check(vocalTaskId)).toMatchObject({
        kind: 'found',
        report: { by: 'record-info', providerTaskId: vocalTaskId, outcome: { state: 'succeeded' } },
        createdAtMs: 1_753_782_854_000,
      })
    }
    expect(server.sockets.length).toBeLessThan(3)
  })

  test('uses the code in the body, not the HTTP status', async () => {
    const server = await serve((socket) => socket.end(http(404, fixture('record-info-separate-vocal'))))
    expect(await createProvider(server.url).check(vocalTaskId)).toMatchObject({ kind: 'found' })
  })

  test.each([200, 401])('logs a wrong key as an error (HTTP %i)', async (status) => {
    const body = status === 200 ? JSON.stringify({ code: 401, msg: apiKey, data: null }) : html
    const server = await serve((socket) => socket.end(http(status, body)))
    const { check, lines } = createProvider(server.url)
    expect(await check('a')).toMatchObject({ kind: 'inconclusive' })
    expect(lines.map(([level]) => level)).toEqual(['error'])
  })

  test.each<[string, (socket: Socket) => void]>([
    ['the connection is reset', (socket) => socket.resetAndDestroy()],
    ['the body is cut off', (socket) => socket.write(http(200, html).subarray(0, -1), () => socket.resetAndDestroy())],
    ['the answer is HTML', (socket) => socket.end(http(200, html))],
    ['a proxy fails', (socket) => socket.end(http(502, html))],
    ['the path does not exist', (socket) => socket.end(http(404, html))],
    ['access is forbidden', (socket) => socket.end(http(403, html))],
    ['there are too many reads', (socket) => socket.end(http(429, html))],
    ['its code reports too many reads', (socket) => socket.end(http(200, '{"code":430,"msg":"later"}'))],
    ['it is redirected', (socket) => socket.end(http(302, '', { location: '/elsewhere' }))],
    ['the JSON is truncated', (socket) => socket.end(http(200, fixture('record-info-split-stem').slice(0, -9)))],
    [
      'the answer is too long',
      (socket) => socket.end(http(200, fixture('record-info-split-stem').padEnd(maxAnswerBytes + 1))),
    ],
    ['the answer is about another task', (socket) => socket.end(http(200, fixture('record-info-split-stem')))],
  ])('is inconclusive if %s', async (_, addIssue) => {
    const server = await serve((socket) => addIssue(socket))
    expect(await createProvider(server.url).check(vocalTaskId)).toEqual({
      kind: 'inconclusive',
      cause: expect.stringMatching(/./),
    })
  })

  test('is inconclusive if there is no answer', async () => {
    const hanging = await serve(() => {})
    const timeouts = { connectMs: 50, checkMs: 50 }
    expect(await createProvider(hanging.url, { timeouts }).check('a')).toMatchObject({ kind: 'inconclusive' })
    const dead = createProvider(`http://127.0.0.1:${await closedPort()}`)
    expect(await dead.check('a')).toMatchObject({ kind: 'inconclusive' })
    expect(await createProvider('nowhere').check('a')).toMatchObject({ kind: 'inconclusive' })
  })

  test('keeps to the rate of reads', async () => {
    const server = await serve((socket) => socket.write(http(200, fixture('record-info-unknown-task'))))
    const { check } = createProvider(server.url, { rates: ratesOf(40) })
    const beforeFirstMs = performance.now()
    await Promise.all(Array.from({ length: 9 }, () => check('a')))
    const lastMs = Math.max(...server.requests.map(({ atMs }) => atMs))
    // Eight intervals of 25 ms; timers may fire slightly early.
    expect(lastMs - beforeFirstMs).toBeGreaterThan(190)
  })
})

describe('a provider', () => {
  test('that is off gets no orders and no checks', async () => {
    const server = await serve((socket) => socket.end(http(200, accepted)))
    const { submit, check } = createProvider(server.url, { apiKeys: () => [] })
    expect(await submit(order)).toMatchObject({ kind: 'refused', refusal: { reason: 'unavailable', retryable: false } })
    expect(await check('a')).toMatchObject({ kind: 'inconclusive' })
    expect(server.sockets).toHaveLength(0)
  })

  test('ends running requests when it is closed', async () => {
    let asked = 0
    const events = new EventEmitter()
    const server = await serve(() => {
      asked += 1
      if (asked === 2) events.emit('both')
    })
    const { submit, check, close } = createProvider(server.url, { rates: ratesOf(10) })
    const bothAsked = once(events, 'both')
    const [submitted, checked, waiting] = [submit(order), check('a'), check('b')]
    await bothAsked
    await close()
    expect(await submitted).toMatchObject({ kind: 'unknown' })
    expect(await checked).toMatchObject({ kind: 'inconclusive' })
    expect(await waiting).toMatchObject({ kind: 'inconclusive' })
    expect(await submit(order)).toMatchObject({ kind: 'refused', refusal: { reason: 'unavailable', retryable: true } })
    expect(await check('c')).toMatchObject({ kind: 'inconclusive' })
    expect(server.requests).toHaveLength(2)
  })
})
