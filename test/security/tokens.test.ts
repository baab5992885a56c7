import { once } from 'node:events'
import { createServer, request as httpRequest, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { createClient } from 'graphql-ws'
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
  type GenerateKeyPairResult,
  type JWK,
} from 'jose'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import {
  ask,
  callerOf,
  expectNoSecret,
  openSocket,
  openStream,
  secrets,
  startGuarded,
  webKey,
} from '../support/callers.ts'
import { openStoreOf, rowsOf } from '../support/database.ts'
import { storedTasks } from '../support/gateway.ts'
import { callbackOfSuccess, recordOfSuccess, sendBody, startPlayedProvider } from '../support/played-provider.ts'
import { forQueries, transports, webSocketUrl } from '../support/transports.ts'
import { canary } from '../support/canaries.ts'

const issuer = 'https://login.example/'
const audience = 'stems'
const slowSandbox = { SANDBOX_DELAY_MS: '60000' }

interface Pair extends GenerateKeyPairResult {
  readonly alg: string
  readonly kid: string
  readonly jwk: JWK
}

async function newPair(alg: string, kid: string): Promise<Pair> {
  const pair = await generateKeyPair(alg, { extractable: true })
  return { ...pair, alg, kid, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' } }
}

const [rsa, ec, ed, other] = await Promise.all([
  newPair('RS256', 'rsa'),
  newPair('ES256', 'ec'),
  newPair('EdDSA', 'ed'),
  newPair('ES256', 'other'),
])

/** Signs a token. `claims` override the defaults; an undefined claim is removed. */
async function newToken(pair: Pair, claims: object = {}, header: object = {}): Promise<string> {
  const nowSeconds = Date.now() / 1_000
  const token = await new SignJWT({
    iss: issuer,
    aud: audience,
    sub: 'anna',
    jti: canary,
    exp: nowSeconds + 600,
    ...claims,
  })
    .setProtectedHeader({ alg: pair.alg, kid: pair.kid, ...header })
    .sign(pair.privateKey)
  return kept(token)
}

function kept(token: string): string {
  secrets.add(token)
  // Changes only the signature.
  const [, , signature = ''] = token.split('.')
  if (signature !== '') secrets.add(signature)
  return token
}

/** The issuer's JWKS server. */
async function startIssuer(...pairs: readonly Pair[]) {
  let fetches = 0
  let answer: (response: ServerResponse) => void
  const publish = (...now: readonly Pair[]) => {
    answer = (response) => sendBody(response, { keys: now.map(({ jwk }) => jwk) })
  }
  publish(...pairs)
  const server = createServer((_request, response) => {
    fetches += 1
    answer(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
  const close = async () => {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  onTestFinished(close)
  return {
    environment: {
      JWT_JWKS_URL: `http://127.0.0.1:${address.port}/keys`,
      JWT_ISSUER: issuer,
      JWT_AUDIENCE: audience,
    },
    fetches: () => fetches,
    publish,
    answer: (how: typeof answer) => void (answer = how),
    die: close,
    async revive() {
      server.listen(address.port, '127.0.0.1')
      await once(server, 'listening')
    },
  }
}

/** Advances the clock of the gateway, and stops it there until the end of the test. Timers are not affected. */
function pass(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })
}

/** Stops the clock of the gateway, so that nothing expires however slow the machine is. */
const stopClock = () => pass(0)

afterEach(() => void vi.useRealTimers())

async function statusOf(url: string, token: string): Promise<number> {
  return (await callerOf({ url }, token).send('{ __typename }')).status
}

const watch = (taskId: string) => `subscription { separationUpdated(taskId: "${taskId}") { id status } }`

describe('a token', () => {
  test.each([rsa, ec, ed])('of $alg is valid, and its owner is the issuer’s subject', async (pair) => {
    const { environment, fetches } = await startIssuer(rsa, ec, ed)
    const gateway = await startGuarded({ ...environment, ...slowSandbox })
    const caller = callerOf(gateway, await newToken(pair))
    const taskId = await caller.order({ audioId: 'done' })
    const tasks = await storedTasks(await openStoreOf(gateway), `jwt:${issuer}|anna`)
    expect(tasks).toMatchObject([{ id: taskId }])
    // Another token of the same subject has the same owner; a token of another subject does not.
    const query = `{ separation(taskId: "${taskId}") { id } }`
    const again = callerOf(gateway, await newToken(ec, { exp: Date.now() / 1_000 + 60, aud: ['else', audience] }))
    expect((await again.result(query)).data).toEqual({ separation: { id: taskId } })
    const bertha = callerOf(gateway, await newToken(pair, { sub: 'bertha' }))
    expect((await bertha.result(query)).data).toEqual({ separation: null })
    expect(fetches()).toBe(1)
  })

  test.each(forQueries)('is accepted over %s', async (name) => {
    const { environment } = await startIssuer(ec)
    const { url } = await startGuarded(environment)
    const token = await newToken(ec)
    const results = await transports[name](url, { query: '{ __typename }' }, `Bearer ${token}`)
    expect(results).toEqual([{ data: { __typename: 'Query' } }])
  })

  test('may say what its caller may order, in the claim `stemgate`', async () => {
    const { environment } = await startIssuer(ec)
    const gateway = await startGuarded({ ...environment, ...slowSandbox, ORDERS_PER_DAY: '7' })
    const budgetsOf = async (claims: object) => {
      const caller = callerOf(gateway, await newToken(ec, claims))
      return (await caller.result('{ viewer { budgets { kind period limit } } }')).data
    }
    expect(await budgetsOf({ stemgate: 'orders=1/day credits=200/month' })).toEqual({
      viewer: {
        budgets: [
          { kind: 'ORDERS', period: 'DAY', limit: 1 },
          { kind: 'CREDITS', period: 'MONTH', limit: 200 },
        ],
      },
    })
    expect(await budgetsOf({})).toEqual({ viewer: { budgets: [{ kind: 'ORDERS', period: 'DAY', limit: 7 }] } })
    const limited = callerOf(gateway, await newToken(ec, { stemgate: 'orders=1/day' }))
    await limited.order({ audioId: 'done-1' })
    expect(await limited.separate({ audioId: 'done-2' })).toMatchObject({ __typename: 'BudgetExceededError' })
  })

  test('whose claim `stemgate` is invalid is refused, and the log says why, once', async () => {
    const { environment } = await startIssuer(ec)
    const gateway = await startGuarded(environment)
    for (const stemgate of ['orders=many', 'order=5/day', ['orders=5/day'], { orders: 5 }, 5, 'expires=2030-01-01']) {
      const { status, text } = await callerOf(gateway, await newToken(ec, { stemgate })).send('{ __typename }')
      expect({ stemgate, status, text }).toMatchObject({ status: 401, text: expect.stringContaining('claim stemgate') })
    }
    const complaints = gateway.logged.filter((line) => line.includes('a token was refused'))
    expect(complaints).toEqual([expect.stringContaining('orders must be a number per day or month')])
    expect(await statusOf(gateway.url, await newToken(ec, { stemgate: '' }))).toBe(200)
  })

  test('whose webhook is at an address that messages are not sent to is refused', async () => {
    const { environment } = await startIssuer(ec)
    const gateway = await startGuarded(environment)
    const stemgate = `webhook=https://10.0.0.8/hook?token=${canary}`
    expect(await statusOf(gateway.url, await newToken(ec, { stemgate, sub: 'ada' }))).toBe(401)
    expect(gateway.logged.filter((line) => line.includes('token.invalid-limits'))).toEqual([
      expect.stringMatching(/\|ada".*"the webhook of the caller must not lead to a private address, unless /),
    ])
    expect(await statusOf(gateway.url, await newToken(ec, { stemgate: 'webhook=https://app.example/hook' }))).toBe(200)
  })

  test('is refused for every kind of mistake', async () => {
    const { environment, fetches } = await startIssuer(rsa, ec, ed)
    const { url } = await startGuarded(environment)
    const nowSeconds = Date.now() / 1_000
    const good = await newToken(ec)
    const [head = '', claims = '', signature = ''] = good.split('.')
    const text = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const byPublicKey = async (pair: Pair, kid: string | undefined) => {
      const secret = new TextEncoder().encode(await exportSPKI(pair.publicKey))
      const claimed = new SignJWT({ iss: issuer, aud: audience, sub: 'anna', jti: canary, exp: nowSeconds + 600 })
      return kept(
        await claimed.setProtectedHeader({ alg: 'HS256', ...(kid === undefined ? {} : { kid }) }).sign(secret),
      )
    }
    const bad = {
      'another issuer': await newToken(ec, { iss: 'https://evil.example/' }),
      'an issuer without its slash': await newToken(ec, { iss: issuer.slice(0, -1) }),
      'no issuer': await newToken(ec, { iss: undefined }),
      'another audience': await newToken(ec, { aud: 'others' }),
      'no audience': await newToken(ec, { aud: undefined }),
      'no subject': await newToken(ec, { sub: undefined }),
      'an empty subject': await newToken(ec, { sub: '' }),
      'a subject that is no text': await newToken(ec, { sub: 5 }),
      'a subject with a line break': await newToken(ec, { sub: 'anna\nbertha' }),
      'a long subject': await newToken(ec, { sub: 'a'.repeat(300) }),
      'no end': await newToken(ec, { exp: undefined }),
      'an end that is no number': await newToken(ec, { exp: '9999999999' }),
      'an end that has been': await newToken(ec, { exp: Math.floor(nowSeconds) - 6 }),
      'a beginning that is to come': await newToken(ec, { nbf: nowSeconds + 60 }),
      'another’s signature': await newToken({ ...other, kid: 'ec' }),
      'a signature of another kind': await newToken({ ...rsa, kid: 'ec' }),
      'no signature': `${head}.${claims}.`,
      'another signature': `${head}.${claims}.${signature.slice(0, -4)}AAAA`,
      'other claims': `${head}.${text({ iss: issuer, aud: audience, sub: 'bertha', exp: nowSeconds + 600 })}.${signature}`,
      'a header that asks for more': await newToken(ec, {}, { crit: ['more'], more: 1 }).catch(
        () => `${text({ alg: 'ES256', kid: 'ec', crit: ['more'], more: 1 })}.${claims}.${signature}`,
      ),
      'a header that brings its own key': await newToken({ ...other, kid: 'ec' }, {}, { jwk: other.jwk }),
      'a header that names another server': await newToken({ ...other, kid: 'ec' }, {}, { jku: 'http://127.0.0.1:1/' }),
      'no algorithm': `${text({ kid: 'ec' })}.${claims}.${signature}`,
      'the algorithm none': kept(
        new UnsecuredJWT({ iss: issuer, aud: audience, sub: 'anna', jti: canary, exp: nowSeconds + 600 }).encode(),
      ),
      'the algorithm none, signed': `${text({ alg: 'none', kid: 'ec' })}.${claims}.${signature}`,
      'the public key for a secret': await byPublicKey(rsa, 'rsa'),
      'the public key for a secret, unnamed': await byPublicKey(ec, undefined),
      'no JSON': 'aaaa.bbbb.cccc',
      nothing: '..',
      'a long nothing': `${'a'.repeat(6_000)}.${'b'.repeat(6_000)}.c`,
      'five parts': 'a.b.c.d.e',
    }
    for (const [what, token] of Object.entries(bad)) {
      expect({ what, status: await statusOf(url, token) }).toEqual({ what, status: 401 })
    }
    expect(await openSocket(url, { authorization: `Bearer ${bad['other claims']}` }).closed).toBe(4401)
    expect(await statusOf(url, good)).toBe(200)
    expect(fetches()).toBe(1)
    const report = await callerOf({ url }, bad['an end that has been']).result('{ __typename }')
    expect(report.errors).toMatchObject([{ message: expect.stringContaining('expired') }])
  })

  test('that is refused leaves its reason in the log, a few times a minute', async () => {
    const { environment } = await startIssuer(rsa, ec)
    const gateway = await startGuarded(environment)
    const [, claims = '', signature = ''] = (await newToken(ec)).split('.')
    const unsigned = Buffer.from(JSON.stringify({ alg: 'none', kid: 'ec' })).toString('base64url')
    const refused = [
      ['wrong-aud', await newToken(ec, { aud: 'others' })],
      ['missing-exp', await newToken(ec, { exp: undefined })],
      ['missing-sub', await newToken(ec, { sub: undefined })],
      ['wrong-sub', await newToken(ec, { sub: 'anna\nbertha' })],
      ['wrong-iss', await newToken(ec, { iss: 'https://evil.example/' })],
      ['wrong-nbf', await newToken(ec, { nbf: Date.now() / 1_000 + 60 })],
      ['signature', await newToken({ ...other, kid: 'ec' })],
      ['algorithm', `${unsigned}.${claims}.${signature}`],
      ['malformed', 'aaaa.bbbb.cccc'],
    ] as const
    const lines = () => gateway.logged.map((line) => JSON.parse(line)).filter(({ event }) => event === 'token.refused')
    for (const [reason, token] of refused) {
      expect({ reason, status: await statusOf(gateway.url, token) }).toEqual({ reason, status: 401 })
    }
    expect(lines().map(({ level, reason }) => `${level} ${reason}`)).toEqual(
      refused.map(([reason]) => `info ${reason}`),
    )
    for (let nth = 0; nth < 10; nth++) await statusOf(gateway.url, refused[0][1])
    expect(lines().filter(({ reason }) => reason === 'wrong-aud')).toHaveLength(5)
  })

  test('is valid despite a clock difference of a few seconds', async () => {
    const { environment } = await startIssuer(ec)
    const { url } = await startGuarded(environment)
    stopClock()
    const nowSeconds = Math.floor(Date.now() / 1_000)
    expect(await statusOf(url, await newToken(ec, { nbf: nowSeconds + 4 }))).toBe(200)
    const ending = await newToken(ec, { exp: nowSeconds - 4 })
    expect(await statusOf(url, ending)).toBe(200)
    const socket = openSocket(url, { authorization: `Bearer ${ending}` })
    await socket.reachability(1)
    socket.subscribe('1', '{ __typename }')
    await socket.reachability(3)
    pass(1_000)
    expect(await socket.closed).toBe(4403)
  })

  test.each(['WebSocket', 'POST'] as const)('of 60 KiB does no harm over %s', async (name) => {
    const { environment } = await startIssuer(ec)
    const { url } = await startGuarded(environment)
    const good = await newToken(ec)
    for (const part of [
      'a'.repeat(20_000),
      `${btoa('{"alg":"ES256","kid":"ec"}').replaceAll('=', '')}${'a'.repeat(20_000)}`,
    ]) {
      const token = kept(`${part}.${part}.${part.slice(0, 19_000)}`)
      if (name === 'WebSocket') expect(await openSocket(url, { authorization: `Bearer ${token}` }).closed).toBe(4401)
      else expect(await statusOf(url, token)).toBe(431)
      expect(await statusOf(url, good)).toBe(200)
    }
  })

  test('and an API key can be used side by side, as different callers', async () => {
    const { environment, fetches } = await startIssuer(ec)
    const gateway = await startGuarded({ ...environment, ...slowSandbox, API_KEYS: `anna:${webKey}` })
    const taskId = await callerOf(gateway, webKey).order({ audioId: 'done' })
    expect(fetches()).toBe(0)
    const query = `{ separation(taskId: "${taskId}") { id } }`
    expect((await callerOf(gateway, await newToken(ec)).result(query)).data).toEqual({ separation: null })
    expect(await statusOf(gateway.url, 'wrong-key-0123456789')).toBe(401)
    expect(await rowsOf(gateway, 'select distinct owner from tasks')).toEqual([{ owner: 'key:anna' }])
  })
})

describe('when a token expires', () => {
  /** A token that ends after this time. It stays valid for the allowed clock difference. */
  const newTokenFor = (ms: number) => newToken(ec, { exp: (Date.now() + ms) / 1_000 - 5 })

  test('its sockets and streams are closed, and get no further events', async () => {
    const provider = await startPlayedProvider()
    const { environment } = await startIssuer(ec)
    const gateway = await startGuarded({ ...environment, ...provider.environment })
    const { url } = gateway
    const lasting = callerOf(gateway, await newToken(ec))
    const taskId = await lasting.order()
    const { body } = await provider.order(0)
    stopClock()
    const short = callerOf(gateway, await newTokenFor(300))
    const opened = async ({ authorization }: { authorization: string }) => {
      const socket = openSocket(url, { authorization })
      await socket.reachability(1)
      socket.subscribe('watch', watch(taskId))
      await socket.reachability(2)
      return socket
    }
    const streamed = async ({ authorization }: { authorization: string }, accept: string) => {
      const stream = await openStream(url, watch(taskId), { authorization, accept })
      await stream.reachability('PENDING')
      return stream
    }
    const [ending, staying] = [await opened(short), await opened(lasting)]
    const streams = [await streamed(short, 'text/event-stream'), await streamed(short, '*/*')]

    const ends = [ending.closed, ...streams.map(({ ended }) => ended)]
    expect(await Promise.race([...ends, Promise.resolve('open')])).toBe('open')
    pass(300)
    expect(await Promise.all(ends)).toEqual([4403, 'cut', 'cut'])
    provider.answerRead(recordOfSuccess('provider-task-1'))
    expect(await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)
    await staying.reachability(4)
    expect(staying.messages.at(-1)?.type).toBe('complete')
    expect(ending.messages).toHaveLength(2)
    for (const stream of streams) expect(stream.text()).not.toMatch(/SUCCESS|complete/)
    await expect.poll(() => gateway.app.subscriptions()).toBe(0)
  })

  test('a request is refused whose body arrives later', async () => {
    const { environment } = await startIssuer(ec)
    const { url } = await startGuarded(environment)
    stopClock()
    const token = await newTokenFor(300)
    const body = JSON.stringify({ query: '{ __typename }' })
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': body.length,
    }
    const request = httpRequest(`${url}/graphql`, { method: 'POST', headers })
    request.write(body.slice(0, 10))
    // The answer to a later request: the gateway has identified the caller of the first one.
    expect(await statusOf(url, token)).toBe(200)
    pass(1_500)
    expect(await statusOf(url, token)).toBe(401)
    request.end(body.slice(10))
    const [response] = await once(request, 'response')
    expect(response.statusCode).toBe(401)
    expect(await json(response)).toMatchObject({
      errors: [{ message: 'Your credential is no longer valid.', extensions: { code: 'UNAUTHENTICATED' } }],
    })
  })

  test('a validity of 100 years does no harm', async () => {
    const { environment } = await startIssuer(ec)
    const { url } = await startGuarded(environment)
    for (const years of [1, 100, 1e300]) {
      const token = await newToken(ec, { exp: Date.now() / 1_000 + years * 31_536_000 })
      const socket = openSocket(url, { authorization: `Bearer ${token}` })
      await socket.reachability(1)
      socket.subscribe('1', '{ __typename }')
      await socket.reachability(3)
    }
  })
})

describe('the issuer', () => {
  beforeEach(stopClock)

  test('can rotate its keys while the gateway runs', async () => {
    const { environment, publish, fetches } = await startIssuer(rsa)
    const { url } = await startGuarded(environment)
    expect(await statusOf(url, await newToken(rsa))).toBe(200)
    publish(rsa, ec)
    pass(6_000)
    expect(await statusOf(url, await newToken(ec))).toBe(200)
    expect(await statusOf(url, await newToken(rsa))).toBe(200)
    expect(fetches()).toBe(2)
    // A key that is no longer published becomes invalid once the cache has expired.
    publish(ec)
    pass(601_000)
    expect(await statusOf(url, await newToken(ec))).toBe(200)
    expect(await statusOf(url, await newToken(rsa))).toBe(503)
    expect(fetches()).toBe(3)
    pass(6_000)
    expect(await statusOf(url, await newToken(rsa))).toBe(401)
    expect(fetches()).toBe(4)
  })

  test('is not flooded with requests because of tokens with unknown keys', async () => {
    const { environment, fetches } = await startIssuer(ec)
    const { url } = await startGuarded(environment)
    const tokens = await Promise.all(
      Array.from({ length: 40 }, (_, index) => newToken({ ...other, kid: `kid-${index}` })),
    )
    const flood = () => Promise.all(tokens.map((token) => statusOf(url, token)))
    // The token that caused the fetch is refused. The keys of the others may have been published after the fetch.
    expect(new Set(await flood())).toEqual(new Set([401, 503]))
    for (const token of tokens) expect(await statusOf(url, token)).toBe(503)
    expect(fetches()).toBe(1)
    pass(6_000)
    expect(new Set(await flood())).toEqual(new Set([401, 503]))
    expect(fetches()).toBe(2)
    expect(await statusOf(url, await newToken(ec))).toBe(200)
  })

  test('causes 503 for a token with a new key right after a fetch', async () => {
    const { environment, publish, fetches } = await startIssuer(rsa)
    const gateway = await startGuarded(environment)
    const { url } = gateway
    expect(await statusOf(url, await newToken(rsa))).toBe(200)
    publish(rsa, ec)
    const token = await newToken(ec)
    const { status, headers, text } = await callerOf(gateway, token).send('{ __typename }')
    expect({ status, retry: headers['retry-after'], body: JSON.parse(text) }).toEqual({
      status: 503,
      retry: '5',
      body: { errors: [{ message: expect.stringContaining('Try again'), extensions: { code: 'UNAVAILABLE' } }] },
    })
    expect(await openSocket(url, { authorization: `Bearer ${token}` }).closed).toBe(1013)
    // An invalid token with a known key is refused.
    expect(await statusOf(url, await newToken({ ...other, kid: 'rsa' }))).toBe(401)
    expect(fetches()).toBe(1)
    expect(gateway.logged.filter((line) => line.includes('"error"'))).toEqual([])
    pass(6_000)
    expect(await statusOf(url, token)).toBe(200)
    expect(await statusOf(url, await newToken({ ...other, kid: 'unheard-of' }))).toBe(503)
    pass(12_000)
    expect(await statusOf(url, await newToken({ ...other, kid: 'unheard-of' }))).toBe(401)
  })

  test('causes graphql-ws clients to reconnect until a new key is known', async () => {
    const { environment, publish } = await startIssuer(rsa)
    const { url } = await startGuarded(environment)
    expect(await statusOf(url, await newToken(rsa))).toBe(200)
    publish(rsa, ec)
    const token = await newToken(ec)
    let connections = 0
    const client = createClient({
      url: webSocketUrl(url),
      webSocketImpl: WebSocket,
      retryWait: async (retries) => {
        if (retries === 1) pass(6_000)
      },
      connectionParams: { authorization: `Bearer ${token}` },
      on: { connecting: () => (connections += 1) },
    })
    onTestFinished(() => void client.dispose())
    expect(await client.iterate({ query: '{ __typename }' }).next()).toMatchObject({
      value: { data: { __typename: 'Query' } },
    })
    expect(connections).toBe(3)
  })

  const troubles: readonly { readonly what: string; readonly play: (response: ServerResponse) => void }[] = [
    { what: 'answers 500', play: (response) => sendBody(response, {}, 500) },
    { what: 'answers 404', play: (response) => sendBody(response, { keys: [ec.jwk] }, 404) },
    { what: 'redirects', play: (response) => response.writeHead(302, { location: '/else' }).end() },
    { what: 'answers HTML', play: (response) => response.end('<html></html>') },
    { what: 'answers other JSON', play: (response) => sendBody(response, { keys: 'hunter2' }) },
    { what: 'answers null', play: (response) => response.end('null') },
    { what: 'closes the connection', play: (response) => response.destroy() },
    {
      what: 'answers with half a body',
      play(response) {
        response.writeHead(200, { 'content-length': '1000' })
        response.write('{"keys":[', () => response.destroy())
      },
    },
  ]

  test.each(troubles)('causes 503 if it $what', async ({ play }) => {
    const { environment, answer, publish, fetches } = await startIssuer(ec)
    answer(play)
    const gateway = await startGuarded({ ...environment, API_KEYS: `web:${webKey}` })
    const { url } = gateway
    const token = await newToken(ec)
    const { status, headers, text } = await callerOf(gateway, token).send('{ __typename }')
    expect({ status, retry: headers['retry-after'], body: JSON.parse(text) }).toEqual({
      status: 503,
      retry: '5',
      body: { errors: [{ message: expect.stringContaining('Try again'), extensions: { code: 'UNAVAILABLE' } }] },
    })
    expect(await openSocket(url, { authorization: `Bearer ${token}` }).closed).toBe(1013)
    // Many tokens cause no more requests, and API keys still work.
    for (let nth = 0; nth < 20; nth++) expect(await statusOf(url, token)).toBe(503)
    expect(fetches()).toBeLessThanOrEqual(2)
    expect(await statusOf(url, webKey)).toBe(200)
    expect(gateway.logged.filter((line) => line.includes('JWT_JWKS_URL')).length).toBeLessThanOrEqual(2)
    publish(ec)
    pass(1_100)
    expect(await statusOf(url, token)).toBe(200)
  })

  test('causes 503 while it is unavailable, except for tokens with a known key', async () => {
    const { environment, die, revive } = await startIssuer(ec)
    const { url } = await startGuarded(environment)
    const token = await newToken(ec)
    await die()
    expect(await statusOf(url, token)).toBe(503)
    // A malformed token is refused without a key.
    expect(await statusOf(url, 'aaaa.bbbb.cccc')).toBe(401)
    await revive()
    pass(1_100)
    expect(await statusOf(url, token)).toBe(200)
    await die()
    pass(6_000)
    expect(await statusOf(url, await newToken({ ...other, kid: 'unheard-of' }))).toBe(503)
    expect(await statusOf(url, token)).toBe(200)
  })

  test('delays only requests that need it if it hangs, and a closed socket is cleaned up', async () => {
    const held: ServerResponse[] = []
    const { environment, answer } = await startIssuer(ec)
    const asked = new Promise<void>((resolve) => {
      answer((response) => {
        held.push(response)
        resolve()
      })
    })
    const { url } = await startGuarded({ ...environment, API_KEYS: `web:${webKey}` })
    const token = await newToken(ec)
    const [leaving, staying] = [1, 2].map(() => openSocket(url, { authorization: `Bearer ${token}` }))
    if (leaving === undefined || staying === undefined) throw new Error('There are two.')
    await asked
    expect(await statusOf(url, webKey)).toBe(200)
    leaving.ws.close()
    await leaving.closed
    for (const response of held) sendBody(response, { keys: [ec.jwk] })
    await staying.reachability(1)
    expect(leaving.messages).toEqual([])
  })
})

test('the metrics contain neither keys nor tokens', async () => {
  const { environment } = await startIssuer(ec)
  const gateway = await startGuarded({ ...environment, API_KEYS: `web:${webKey}`, ...slowSandbox })
  const token = await newToken(ec)
  for (const credential of [webKey, token, 'wrong-key-0123456789'])
    await callerOf(gateway, credential).send('{ __typename }')
  const path = `/graphql?query=${encodeURIComponent(`{ separation(taskId: "${newTaskId()}") { id } }`)}`
  expect((await ask(gateway.url, path, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200)
  expectNoSecret((await ask(gateway.url, '/metrics')).text)
  await gateway.close()
})
