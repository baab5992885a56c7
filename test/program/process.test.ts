import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { openStoreOf } from '../support/database.ts'
import { startGateway, storedTasks } from '../support/gateway.ts'
import {
  accepted,
  callbackOfSuccess,
  recordOfSuccess,
  sendBody,
  startPlayedProvider,
  type PlayedProvider,
} from '../support/played-provider.ts'
import { newDatabaseUrl, startProgram } from '../support/program.ts'
import { findPostgres, newPostgresDatabase } from '../support/services.ts'
import { webSocketUrl } from '../support/transports.ts'

const postgres = await findPostgres()

async function send(url: string, query: string): Promise<{ readonly data: Record<string, unknown> | null }> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  })
  return JSON.parse(await response.text())
}

const order =
  'mutation { separate(input: { musicTaskId: "my-music", audioId: "track" }) { ... on SeparateSuccess { task { id status providerTaskId charge } } } }'

describe('at its start', () => {
  test('the program says where it is, and what to paste works', async () => {
    const program = startProgram({ DATABASE_URL: await newDatabaseUrl() })
    const url = await program.url
    const [, graphiql = ''] = /GraphiQL\s+(\S+)/.exec(program.stdout()) ?? []
    expect(graphiql).toBe(`${url}/graphql`)
    const page = await fetch(graphiql, { headers: { accept: 'text/html' } })
    expect(page.headers.get('content-type')).toMatch(/^text\/html/)
    await page.arrayBuffer()
    expect(program.stdout()).toMatch(/Providers\s+SANDBOX .*nothing costs anything/)

    const mutation = /^\s*(mutation .*)$/m.exec(program.stdout())?.[1] ?? ''
    expect(await send(url, mutation)).toEqual({
      data: { separate: { task: { id: expect.stringMatching(/^sep_/), status: 'PENDING' } } },
    })
  })

  test('without GraphiQL the line to try is one for a shell', async () => {
    const program = startProgram({ DATABASE_URL: await newDatabaseUrl(), GRAPHIQL: 'false' })
    await program.url
    expect(program.stdout()).not.toContain('GraphiQL')
    const [, to = '', type = '', body = ''] =
      /^\s*curl -s (\S+) -H 'content-type: (\S+)' -d '([^']*)'$/m.exec(program.stdout()) ?? []
    const response = await fetch(to, { method: 'POST', headers: { 'content-type': type }, body })
    expect(await response.json()).toMatchObject({ data: { separate: { task: { status: 'PENDING' } } } })
  })

  test('the program names the providers that have keys, and warns that no callback can arrive', async () => {
    const program = startProgram({
      DATABASE_URL: await newDatabaseUrl(),
      KIE_API_KEY: 'kie-key-hunter2',
      SUNOAPI_API_KEY: 'suno-key-hunter2',
      DEFAULT_PROVIDER: 'sunoapi',
    })
    await program.url
    expect(program.stdout()).toMatch(/Providers\s+SUNOAPI, KIE\n/)
    expect(program.stdout()).toMatch(/! .*Set PUBLIC_URL/)
    expect(program.stdout()).toMatch(/charges/)
    expect(program.stdout()).toContain('audioId: "<id of the track>"')
    expect(program.stdout()).not.toContain('"done"')
    expect(program.stdout() + program.stderr()).not.toContain('hunter2')
  })

  test('the program says who is let in, and how to try it as one of them', async () => {
    const key = 'hunter2hunter2hunter2'
    const program = startProgram({
      DATABASE_URL: await newDatabaseUrl(),
      API_KEYS: `web:${key},mobile:${key}-too`,
      SANDBOX: 'true',
      GRAPHIQL: 'false',
    })
    await program.url
    expect(program.stdout()).toMatch(/^ {2}Callers {7}web, mobile$/m)
    expect(program.stdout()).toContain("-H 'authorization: Bearer <key>'")
    expect(program.stdout() + program.stderr()).not.toContain('hunter2')
  })

  test('a bad environment is told of whole, without a value', async () => {
    const program = startProgram({
      PORT: 'hunter2',
      KIE_API_KEY: 'hunter2 hunter2',
      DATABASE_URL: 'mysql://u:hunter2@db/x',
      API_KEYS: 'hunter2',
      HOST: '0.0.0.0',
    })
    expect(await program.exit).toBe(1)
    expect(program.stdout()).toBe('')
    const lines = program.stderr().trimEnd().split('\n')
    expect(lines.map((line) => line.split(' ').slice(0, 4).join(' '))).toEqual([
      'Stemgate cannot start with',
      '  - PORT',
      '  - DATABASE_URL',
      '  - KIE_API_KEY',
      '  - API_KEYS',
    ])
    expect(program.stderr()).not.toContain('hunter2')
  })

  test('a port that is taken is told of in one line', async () => {
    const other = createServer()
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const { port } = endpointOf(other)
    const program = startProgram({ PORT: String(port), DATABASE_URL: await newDatabaseUrl() })
    expect(await program.exit).toBe(1)
    expect(program.stdout()).toBe('')
    expect(program.stderr()).toBe(
      `Stemgate could not start: port ${port} of 127.0.0.1 is taken. Set PORT to another one, or stop what listens there.\n`,
    )
  })

  test('a database that cannot be opened is told of in one line', async () => {
    const program = startProgram({ DATABASE_URL: 'file:/dev/null/stemgate.db' })
    expect(await program.exit).toBe(1)
    expect(program.stderr()).toMatch(/^Stemgate could not start: .*\/dev\/null\/stemgate\.db.*\n$/)
  })
})

describe.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('at %s', (signal) => {
  const task = { status: 'PENDING', providerTaskId: 'their-task', charge: 'CHARGED' }

  test.each([
    { transport: 'POST', sendOver: send, answer: { data: { separate: { task } } } },
    // The socket is closed before the answer is there; whoever asks again finds the task.
    { transport: 'WebSocket', sendOver: sendOverSocket, answer: { closedWith: 1012 } },
  ])(
    'an order under way is waited for, everything else is closed, and nothing is lost ($transport)',
    async ({ sendOver, answer }) => {
      const databaseUrl = await newDatabaseUrl()
      const provider = await startPlayedProvider()
      let answerNow = () => {}
      provider.answerSubmit((response) => (answerNow = () => sendBody(response, accepted('their-task'))))
      const environment = { ...provider.environment, DATABASE_URL: databaseUrl }
      const program = startProgram(environment)
      const url = await program.url

      const bystander = await openSocket(url)
      const answered = sendOver(url, order)
      await provider.order(0)
      const closed = once(bystander, 'close')
      const stoppedAt = performance.now()
      program.signal(signal)
      expect((await closed)[0]).toBe(1012)
      expect(performance.now() - stoppedAt).toBeLessThan(5_000)
      await expect(fetch(`${url}/health/live`)).rejects.toThrow('fetch failed')

      answerNow()
      expect(await answered).toMatchObject(answer)
      expect(await program.exit).toBe(0)

      const second = await startGateway(environment)
      const { data } = await second.ask('{ separations { edges { node { status providerTaskId charge } } } }')
      expect(data).toEqual({ separations: { edges: [{ node: task }] } })
      expect(provider.orders).toHaveLength(1)
    },
  )
})

test('a signal while nothing is under way ends it at once', async () => {
  const program = startProgram({ DATABASE_URL: await newDatabaseUrl() })
  const url = await program.url
  // A connection that fetch keeps open.
  await send(url, '{ __typename }')
  const stoppedAt = performance.now()
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
  expect(performance.now() - stoppedAt).toBeLessThan(2_000)
})

test.each(['/nope', '/graphql'])('an upgrade of %s that is cut off harms nobody', async (path) => {
  const program = startProgram({ DATABASE_URL: await newDatabaseUrl() })
  const url = await program.url
  for (let i = 0; i < 20; i++) {
    const socket = sendUpgrade(url, path)
    await once(socket, 'connect')
    socket.resetAndDestroy()
  }
  expect(await send(url, '{ __typename }')).toEqual({ data: { __typename: 'Query' } })
})

test.each([
  { what: 'of another path', path: '/nope', host: 'localhost', status: 404 },
  { what: 'from elsewhere', path: '/graphql', host: 'evil.example', status: 403 },
])('an upgrade $what is let go, though its client keeps its half open', async ({ path, host, status }) => {
  const program = startProgram({ DATABASE_URL: await newDatabaseUrl() })
  const socket = sendUpgrade(await program.url, path, host)
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  const stoppedAt = performance.now()
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
  expect(performance.now() - stoppedAt).toBeLessThan(5_000)
})

test('a WebSocket that never says goodbye is waited for no longer than orders are', async () => {
  const program = startProgram({ DATABASE_URL: await newDatabaseUrl(), SUBMIT_TIMEOUT_SECONDS: '3' })
  const socket = sendUpgrade(await program.url, '/graphql')
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1.1 101 /)
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
})

test('a first signal says what is waited for, a second one ends it at once', async () => {
  const provider = await startPlayedProvider()
  provider.answerSubmit(() => {})
  const program = startProgram({ ...provider.environment, DATABASE_URL: await newDatabaseUrl() })
  const sent = send(await program.url, order).catch(() => null)
  await provider.order(0)
  program.signal('SIGINT')
  await expect.poll(() => program.stdout()).toMatch(/^ {2}Stopping: .*20 s.*second signal/m)
  // One Ctrl-C comes twice through npm, from the terminal and from npm.
  program.signal('SIGINT')
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  expect(await Promise.race([program.exit, Promise.resolve('runs')])).toBe('runs')
  program.signal('SIGINT')
  expect(await program.exit).toBe(1)
  expect(await sent).toBeNull()
})

test('no secret is written anywhere', async () => {
  const provider = await startPlayedProvider()
  const secrets = {
    KIE_API_KEY: 'api-key-hunter2',
    KIE_WEBHOOK_KEY: 'webhook-key-hunter2',
    CALLBACK_SECRET: 'callback-secret-hunter2',
  }
  const program = startProgram({
    ...provider.environment,
    ...secrets,
    DATABASE_URL: await newDatabaseUrl(),
    LOG_LEVEL: 'debug',
    CHECK_INTERVAL_SECONDS: '1',
  })
  const url = await program.url
  await send(url, order)
  const { body } = await provider.order(0)
  const [token = ''] = new URL(body.callBackUrl).pathname.split('/').at(-1)?.split('.') ?? []
  expect(token).toHaveLength(43)
  await misbehave(provider, body.callBackUrl)
  // Refused, unreachable, and at the end a clean stop.
  provider.answerSubmit({ code: 401, msg: `Key ${secrets.KIE_API_KEY} is not accepted` })
  await send(url, order.replace('track', 'another'))
  await provider.die()
  await send(url, order.replace('track', 'a third'))
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)

  const written = program.stdout() + program.stderr()
  expect(program.stderr()).toContain('"level"')
  for (const secret of [...Object.values(secrets), token]) expect(written).not.toContain(secret)
})

/** What a provider may do wrong with its callbacks and answers; each is worth a line in the log. */
async function misbehave(provider: PlayedProvider, callBackUrl: string): Promise<void> {
  expect(await provider.callBack(callBackUrl, callbackOfSuccess('their-task'))).toBe(200)
  const signed = { 'x-webhook-timestamp': '1', 'x-webhook-signature': 'forged' }
  expect(await provider.callBack(callBackUrl, callbackOfSuccess('their-task'), signed)).toBe(200)
  expect(await provider.callBack(callBackUrl, { nonsense: true })).toBe(200)
  expect(await provider.callBack(`${callBackUrl.slice(0, -3)}xxx`, {})).toBe(404)
  provider.answerRead((response) => response.writeHead(500).end(`callBackUrl was ${callBackUrl}`))
  await provider.readTimes(provider.reads.length + 2)
}

function endpointOf(server: Server): { readonly port: number } {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
  return address
}

/** Asks for a WebSocket and keeps its own half open whatever comes. */
function sendUpgrade(url: string, path: string, host = 'localhost'): Socket {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true })
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
  )
  return socket
}

/** A socket that has introduced itself. */
async function openSocket(url: string): Promise<WebSocket> {
  const socket = new WebSocket(webSocketUrl(url), 'graphql-transport-ws')
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init' }))
  await once(socket, 'message')
  return socket
}

/** Sends the operation and resolves to the code with which the socket is closed. */
async function sendOverSocket(url: string, query: string): Promise<{ readonly closedWith: number }> {
  const socket = await openSocket(url)
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }))
  const [code] = await once(socket, 'close')
  return { closedWith: Number(code) }
}

test('a signal while it starts ends it', async () => {
  const silent = createServer(() => {})
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  onTestFinished(() => void silent.close())
  const program = startProgram({ DATABASE_URL: `postgres://127.0.0.1:${endpointOf(silent).port}/nothing-answers` })
  const [socket] = await once(silent, 'connection')
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
  expect(program.stdout() + program.stderr()).toBe('')
  socket.destroy()
})

test('whoever has connected just before a stop is still answered', async () => {
  const program = startProgram({ DATABASE_URL: await newDatabaseUrl() })
  const url = new URL(await program.url)
  const sockets = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = connect(Number(url.port), url.hostname)
      await once(socket, 'connect')
      return socket
    }),
  )
  program.signal('SIGTERM')
  await expect.poll(() => program.stdout(), { timeout: 10_000 }).toContain('Stopping')
  const answers = sockets.map(async (socket) => {
    const answer = once(socket, 'data')
    socket.write('GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n')
    return String((await answer)[0])
  })
  for (const answer of await Promise.all(answers)) {
    expect(answer).toMatch(/^HTTP\/1.1 200 /)
    expect(answer).toMatch(/^connection: close\r$/im)
  }
  expect(await program.exit).toBe(0)
})

test('a WebSocket that comes in the moment of a stop is told to connect again', async () => {
  const program = startProgram({ DATABASE_URL: await newDatabaseUrl() })
  const url = new URL(await program.url)
  const socket = connect(Number(url.port), url.hostname)
  await once(socket, 'connect')
  program.signal('SIGTERM')
  await expect.poll(() => program.stdout(), { timeout: 10_000 }).toContain('Stopping')
  const late = new WebSocket(webSocketUrl(url.origin), 'graphql-transport-ws', { createConnection: () => socket })
  expect((await once(late, 'close'))[0]).toBe(1012)
  expect(await program.exit).toBe(0)
})

describe('after a kill -9', () => {
  const statusOf = async (url: string) => {
    const { data } = await send(url, '{ separations { edges { node { status } } } }')
    return JSON.stringify(data?.['separations'])
  }

  test.each([
    ['record-info', recordOfSuccess('their-task')],
    ['the callback alone', { code: 500, msg: 'not now', data: null }],
  ])('a task whose callback was answered with 200 is settled at once, by %s', async (_source, record) => {
    const provider = await startPlayedProvider()
    provider.answerSubmit(accepted('their-task'))
    provider.answerRead(() => {})
    const environment = { ...provider.environment, DATABASE_URL: await newDatabaseUrl() }
    const killed = startProgram(environment)
    await send(await killed.url, order)
    const { body } = await provider.order(0)
    expect(await provider.callBack(body.callBackUrl, callbackOfSuccess('their-task'))).toBe(200)
    // The task is claimed: the provider is being asked for it.
    await provider.readTimes(1)
    killed.signal('SIGKILL')
    expect(await killed.exit).toBe('SIGKILL')

    provider.answerRead(record)
    const restarted = startProgram(environment)
    const url = await restarted.url
    // A lease lasts for 20 seconds, and the callback's grace for 4.
    await expect.poll(() => statusOf(url), { timeout: 8_000 }).toContain('SUCCESS')
  })

  test.skipIf(postgres === null)(
    'in a burst of callbacks, only the tasks that were just being asked for wait for their lease',
    async () => {
      const provider = await startPlayedProvider()
      const environment = {
        ...provider.environment,
        DATABASE_URL: await newPostgresDatabase(),
        SUBMITS_PER_10_SECONDS: '1000',
        CHECK_INTERVAL_SECONDS: '600',
      }
      const answerReads = () =>
        provider.answerRead((response) => sendBody(response, recordOfSuccess(provider.reads.at(-1) ?? '')))
      answerReads()
      const killed = startProgram(environment)
      const url = await killed.url
      const count = 40
      for (let nth = 0; nth < count; nth += 1) await send(url, order.replace('"track"', `"track-${nth}"`))
      const callBacks = provider.orders.map(({ body }, nth) =>
        provider.callBack(body.callBackUrl, callbackOfSuccess(`provider-task-${nth + 1}`)),
      )
      expect(new Set(await Promise.all(callBacks))).toEqual(new Set([200]))
      await provider.readTimes(5)
      killed.signal('SIGKILL')
      await killed.exit

      await startProgram(environment).url
      const store = await openStoreOf({ environment })
      const pending = async () => (await storedTasks(store)).filter(({ state }) => state === 'pending').length
      // Ten reads a second: the others have had their turn long before a lease of 20 seconds ends.
      await expect.poll(pending, { timeout: 10_000 }).toBeLessThanOrEqual(3)
    },
  )
})
