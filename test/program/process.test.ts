import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
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
import { unzip } from '../support/unzip.ts'
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

/** Not by fetch: its decompression may take longer, on a busy machine, than the gateway keeps an idle connection. */
async function download(url: string): Promise<{ readonly type: string | undefined; readonly text: string }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers: { accept: 'text/html' } }, resolve).once('error', reject)
  })
  const bytes = await buffer(response)
  return { type: response.headers['content-type'], text: gunzipSync(bytes).toString() }
}

describe('at its start', () => {
  test('the program prints where to find the tab Separate in GraphiQL', async () => {
    const program = startProgram({ DATABASE_URL: await newDatabaseUrl() })
    const url = await program.url
    const [, graphiql = '', title = ''] =
      /^ {2}To try it, open (\S+) in a browser and press play in the tab (\w+), then in Watch\.$/m.exec(
        program.stdout(),
      ) ?? []
    expect(graphiql).toBe(`${url}/graphql`)
    const page = await download(graphiql)
    expect(page.type).toMatch(/^text\/html/)
    expect(page.text).toContain(`mutation ${title} {`)
    expect(program.stdout()).toMatch(/Providers\s+SANDBOX {3}\(no provider's key is set; nothing is charged\)/)
  })

  test('the program prints the address of the player page and serves it with its files', async () => {
    const program = startProgram({ DATABASE_URL: await newDatabaseUrl() })
    await program.url
    const [, address = ''] = /^ {2}Player page {3}(\S+)$/m.exec(program.stdout()) ?? []
    const page = await fetch(address, { headers: { accept: 'text/html' } })
    const files = [...(await page.text()).matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path = '']) => path)
    expect(files).toEqual(['/web/icon.svg', '/web/page.css', '/web/page.js'])
    const answers = await Promise.all(files.map((path) => fetch(new URL(path, address))))
    expect(answers.map(({ status, headers }) => [status, headers.get('content-type')])).toEqual([
      [200, 'image/svg+xml'],
      [200, 'text/css; charset=utf-8'],
      [200, 'text/javascript; charset=utf-8'],
    ])
  })

  test('the bundled program writes zips whose checksums are right', async () => {
    const program = startProgram({ DATABASE_URL: await newDatabaseUrl(), SANDBOX_DELAY_MS: '0' })
    const ordered = await send(
      await program.url,
      `mutation { separate(input: { musicTaskId: "my-music", audioId: "done" }, waitSeconds: 20) {
        ... on SeparateSuccess { task { archiveUrl } } } }`,
    )
    const { task } = (ordered.data ?? {})['separate'] as { task: { archiveUrl: string } }
    const zip = await fetch(task.archiveUrl)
    expect(await unzip(Buffer.from(await zip.arrayBuffer()))).toHaveLength(2)
  })

  test('the program without GraphiQL prints a working curl command', async () => {
    const program = startProgram({ DATABASE_URL: await newDatabaseUrl(), GRAPHIQL: 'false' })
    await program.url
    expect(program.stdout()).toMatch(/^ {2}GraphiQL {6}off .*GRAPHIQL=true/m)
    const [, to = '', type = '', body = ''] =
      /^\s*curl -s (\S+) -H 'content-type: (\S+)' -d '([^']*)'$/m.exec(program.stdout()) ?? []
    const response = await fetch(to, { method: 'POST', headers: { 'content-type': type }, body })
    expect(await response.json()).toMatchObject({ data: { separate: { task: { status: 'PENDING' } } } })
  })

  test('the program prints the providers with keys and warns that no callbacks can arrive', async () => {
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
    expect(program.stdout()).toContain('Fill in your own ids')
    expect(program.stdout()).not.toContain('"done"')
    expect(program.stdout() + program.stderr()).not.toContain('hunter2')
  })

  test('the program prints the callers and how to authenticate as one', async () => {
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

  test('the program reports all mistakes in the environment without values', async () => {
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

  test('the program asks whether a key with an ellipsis is a placeholder', async () => {
    const program = startProgram({ KIE_API_KEY: '…', PUBLIC_URL: 'https://stems.example' })
    expect(await program.exit).toBe(1)
    expect(program.stderr()).toBe(
      'Stemgate cannot start with this environment:\n' +
        '  - KIE_API_KEY must consist of ASCII letters, digits and punctuation, without spaces (is it a placeholder?).\n',
    )
  })

  test('the program reports a port in use in one line', async () => {
    const other = createServer()
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const { port } = endpointOf(other)
    const program = startProgram({ PORT: String(port), DATABASE_URL: await newDatabaseUrl() })
    expect(await program.exit).toBe(1)
    expect(program.stdout()).toBe('')
    expect(program.stderr()).toBe(
      `Stemgate could not start: port ${port} on 127.0.0.1 is in use. Set PORT to a free port, or stop the process that uses it.\n`,
    )
  })

  test('the program reports an unusable database in one line', async () => {
    const program = startProgram({ DATABASE_URL: 'file:/dev/null/stemgate.db' })
    expect(await program.exit).toBe(1)
    expect(program.stderr()).toMatch(/^Stemgate could not start: .*\/dev\/null\/stemgate\.db.*\n$/)
  })
})

describe.each(['SIGTERM', 'SIGINT'] as const)('at %s', (signal) => {
  const task = { status: 'PENDING', providerTaskId: 'their-task', charge: 'CHARGED' }

  test.each([
    { transport: 'POST', sendOver: send, answer: { data: { separate: { task } } } },
    // The socket is closed before the answer arrives; the client finds the task when it asks again.
    { transport: 'WebSocket', sendOver: sendOverSocket, answer: { closedWith: 1012 } },
  ])(
    'the program waits for a running order, closes everything else, and loses nothing ($transport)',
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

test('a signal stops an idle gateway at once', async () => {
  const program = startProgram({ DATABASE_URL: await newDatabaseUrl() })
  const url = await program.url
  // fetch keeps this connection open.
  await send(url, '{ __typename }')
  const stoppedAt = performance.now()
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
  expect(performance.now() - stoppedAt).toBeLessThan(2_000)
  expect(program.stdout()).toMatch(/\n {2}Stopping\.\n/)
  // On a slow machine even an idle stop may take half a second.
  if (performance.now() - stoppedAt < 500) expect(program.stdout()).toMatch(/ {2}Stopping\.\n$/)
})

test.each(['/nope', '/graphql'])('aborted upgrade requests to %s do no harm', async (path) => {
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
  { what: 'to another path', path: '/nope', host: 'localhost', status: 404 },
  { what: 'with a foreign Host', path: '/graphql', host: 'evil.example', status: 403 },
])('an upgrade request $what is closed even if the client keeps its side open', async ({ path, host, status }) => {
  const program = startProgram({ DATABASE_URL: await newDatabaseUrl() })
  const socket = sendUpgrade(await program.url, path, host)
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  const stoppedAt = performance.now()
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
  expect(performance.now() - stoppedAt).toBeLessThan(5_000)
})

test('a WebSocket without a closing handshake delays a stop no longer than orders do', async () => {
  const program = startProgram({ DATABASE_URL: await newDatabaseUrl(), SUBMIT_TIMEOUT_SECONDS: '3' })
  const socket = sendUpgrade(await program.url, '/graphql')
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1.1 101 /)
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
})

test('a first signal waits for orders, and a second one stops the gateway at once', async () => {
  const provider = await startPlayedProvider()
  provider.answerSubmit(() => {})
  const program = startProgram({ ...provider.environment, DATABASE_URL: await newDatabaseUrl() })
  const sent = send(await program.url, order).catch(() => null)
  await provider.order(0)
  program.signal('SIGINT')
  await expect.poll(() => program.stdout()).toMatch(/^ {2}Stopping\.\n {2}Waiting for .*20 s.*second signal/m)
  // npm delivers one Ctrl-C twice, from the terminal and from itself.
  program.signal('SIGINT')
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  expect(await Promise.race([program.exit, Promise.resolve('runs')])).toBe('runs')
  program.signal('SIGINT')
  expect(await program.exit).toBe(1)
  expect(await sent).toBeNull()
})

test('the output of the program contains no secret', async () => {
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
  // A refused order, an unreachable provider, and a clean stop.
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

/** Sends invalid callbacks and answers, each of which is logged. */
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
  if (address === null || typeof address === 'string') throw new Error('The server has no port.')
  return address
}

/** Sends an upgrade request and keeps its side of the connection open. */
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

/** A WebSocket after connection_init. */
async function openSocket(url: string): Promise<WebSocket> {
  const socket = new WebSocket(webSocketUrl(url), 'graphql-transport-ws')
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init' }))
  await once(socket, 'message')
  return socket
}

/** Sends the operation and resolves to the close code of the socket. */
async function sendOverSocket(url: string, query: string): Promise<{ readonly closedWith: number }> {
  const socket = await openSocket(url)
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }))
  const [code] = await once(socket, 'close')
  return { closedWith: Number(code) }
}

test('a signal during the start stops the program', async () => {
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

test('a connection from just before a stop is still served', async () => {
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

test('a WebSocket opened during a stop is closed with 1012', async () => {
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

describe('after SIGKILL', () => {
  const statusOf = async (url: string) => {
    const { data } = await send(url, '{ separations { edges { node { status } } } }')
    return JSON.stringify(data?.['separations'])
  }

  test.each([
    ['record-info', recordOfSuccess('their-task')],
    ['the callback alone', { code: 500, msg: 'not now', data: null }],
  ])('a task with an accepted callback is settled at once by %s', async (_source, record) => {
    const provider = await startPlayedProvider()
    provider.answerSubmit(accepted('their-task'))
    provider.answerRead(() => {})
    const environment = { ...provider.environment, DATABASE_URL: await newDatabaseUrl() }
    const killed = startProgram(environment)
    await send(await killed.url, order)
    const { body } = await provider.order(0)
    expect(await provider.callBack(body.callBackUrl, callbackOfSuccess('their-task'))).toBe(200)
    // The task is leased: its check is running.
    await provider.readTimes(1)
    killed.signal('SIGKILL')
    expect(await killed.exit).toBe('SIGKILL')

    provider.answerRead(record)
    const restarted = startProgram(environment)
    const url = await restarted.url
    // A lease lasts 20 s, and the grace period of the callback 4 s.
    await expect.poll(() => statusOf(url), { timeout: 8_000 }).toContain('SUCCESS')
  })

  test.skipIf(postgres === null)(
    'only the tasks whose checks were running wait for the end of their lease',
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
      // At 10 reads per second, the others are checked long before a lease of 20 s ends.
      await expect.poll(pending, { timeout: 10_000 }).toBeLessThanOrEqual(3)
    },
  )
})
