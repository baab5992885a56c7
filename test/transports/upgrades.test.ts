import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, test, type ExpectStatic } from 'vitest'
import { openStoreOf } from '../support/database.ts'
import { order, startGateway, type Ending } from '../support/gateway.ts'
import { accepted, startPlayedProvider, type PlayedProvider } from '../support/played-provider.ts'
import { openLine } from '../support/raw-line.ts'

const json = 'Content-Type: application/json\r\n'
/** The headers that JDK's HttpClient and `curl --http2` send with the first request of a connection. */
const h2c = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n'
const webSocket =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n'
const query = '{"query":"{ __typename }"}'
const answered = '{"data":{"__typename":"Query"}}'
const callback = JSON.stringify({ code: 200, msg: 'success', data: { task_id: 'provider-task-1' } })

/** A gateway with one order, the path of its callback URL, and the number of stored callbacks. */
async function start(atEnd: Ending, environment: Readonly<Record<string, string>> = {}) {
  const provider = await startPlayedProvider(atEnd)
  const gateway = await startGateway({ ...provider.environment, ...environment }, atEnd)
  const taskId = await order(gateway)
  const { callBackUrl } = (await provider.order(0)).body
  const store = await openStoreOf(gateway, atEnd)
  return {
    provider,
    gateway,
    callbackPath: new URL(callBackUrl).pathname,
    savedCount: async () => (await store.savedCallbacks(taskId)).length,
    open: () => openLine(gateway.url, atEnd),
  }
}

function postOf(path: string, body: string, headers: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${json}${headers}Content-Length: ${body.length}\r\n\r\n${body}`
}

/** A callback of 100 kB. Each number makes a different one: equal callbacks are stored once. */
function largeCallback(nth: number): string {
  const names = callback.replace('provider-task-1', `provider-task-${nth}`)
  return names.replace('"success"', `"${'x'.repeat(100_000)}"`)
}

function inPieces(body: string): string[] {
  return body.match(/[^]{1,9000}/g) ?? []
}

function orderOf(audioId: string): string {
  const input = `{ musicTaskId: "m", audioId: "${audioId}" }`
  return JSON.stringify({ query: `mutation { separate(input: ${input}) { __typename } }` })
}

/** A provider that holds the answers to orders until the test releases them. */
function holdSubmits(provider: PlayedProvider) {
  const waiting: (() => void)[] = []
  provider.answerSubmit((response, nth) => {
    waiting.push(() => response.end(JSON.stringify(accepted(`provider-task-${nth}`))))
  })
  return {
    give() {
      for (const answer of waiting.splice(0)) answer()
    },
  }
}

/** Why no curl with HTTP/2 is available; null if one is. */
async function findCurl(): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('curl', ['--version'])
    return /^Features:.*\bHTTP2\b/m.test(stdout) ? null : 'curl is there, but does not speak HTTP/2'
  } catch {
    return 'curl is not installed'
  }
}

const noCurl = await findCurl()
if (noCurl !== null) {
  if (process.env['CI'] !== undefined) throw new Error(`curl is needed: ${noCurl}`)
  console.warn(`The tests with a real curl are skipped: ${noCurl}.`)
}

describe.skipIf(noCurl !== null)('curl --http2', { concurrent: true }, () => {
  /** The status and the body. */
  async function curl(url: string, ...options: string[]): Promise<string> {
    const all = ['--http2', '--silent', '--show-error', '--max-time', '20', '--write-out', '\n%{http_code}', ...options]
    const { stdout } = await promisify(execFile)('curl', [...all, url])
    const [status, ...lines] = stdout.split('\n').toReversed()
    return `${status} ${lines.toReversed().join('\n')}`
  }

  test('queries /graphql by POST and GET, and reads a stream', async ({ expect, onTestFinished }) => {
    const { gateway } = await start(onTestFinished)
    const type = ['--header', 'content-type: application/json']
    expect(await curl(`${gateway.url}/graphql`, ...type, '--data', query)).toBe(`200 ${answered}`)
    expect(await curl(`${gateway.url}/graphql?query=%7B__typename%7D`)).toBe(`200 ${answered}`)
    const watch = '{"query":"subscription { separationUpdated(taskId: \\"?\\") { id } }"}'
    const accept = ['--header', 'accept: text/event-stream']
    const stream = await curl(`${gateway.url}/graphql`, ...type, ...accept, '--data', watch)
    expect(stream).toMatch(/^200 /)
    expect(stream).toContain('event: complete')
  })

  test('delivers a callback of 100 kB', async ({ expect, onTestFinished }) => {
    const { gateway, callbackPath, savedCount } = await start(onTestFinished)
    const [large, another] = [largeCallback(1), largeCallback(2)]
    const type = ['--header', 'content-type: application/json']
    expect(await curl(`${gateway.url}${callbackPath}`, ...type, '--data', large)).toBe('200 {"status":"received"}')
    expect(
      await curl(`${gateway.url}${callbackPath}`, ...type, '--header', 'transfer-encoding: chunked', '--data', another),
    ).toBe('200 {"status":"received"}')
    expect(await savedCount()).toBe(2)
  })
})

describe.concurrent('a request that asks for HTTP/2', () => {
  test('is answered on /graphql like an HTTP/1.1 request, and its connection is closed', async ({
    expect,
    onTestFinished,
  }) => {
    const { open } = await start(onTestFinished)
    for (const request of [
      postOf('/graphql', query, h2c),
      `GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nHost: localhost\r\n${h2c}\r\n`,
    ]) {
      const { socket, closed } = open()
      socket.write(request)
      const text = await closed
      expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
      expect(text).toMatch(/^connection: close\r$/im)
      expect(text).toContain(answered)
    }
  })

  test('delivers a callback of 100 kB in several packets, with Content-Length or chunked', async ({
    expect,
    onTestFinished,
  }) => {
    const { open, callbackPath, savedCount } = await start(onTestFinished)
    const head = `POST ${callbackPath} HTTP/1.1\r\nHost: localhost\r\n${json}${h2c}`
    const length = (body: string) => `Content-Length: ${body.length}\r\n\r\n`
    const [first, second, third] = [largeCallback(1), largeCallback(2), largeCallback(3)]
    for (const pieces of [
      [head, length(first), ...inPieces(first)],
      [
        `${head}Transfer-Encoding: chunked\r\n\r\n`,
        ...inPieces(second).map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`),
        '0\r\n\r\n',
      ],
      // The head is split too. Its last packet contains the start of the body.
      [head.slice(0, 50), `${head.slice(50)}${length(third)}${third.slice(0, 10)}`, third.slice(10)],
    ]) {
      const { socket, closed } = open()
      socket.setNoDelay(true)
      for (const piece of pieces) {
        await new Promise((resolve) => socket.write(piece, resolve))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      expect(await closed).toContain('{"status":"received"}')
    }
    expect(await savedCount()).toBe(3)
  })

  test('with `Expect: 100-continue` is asked for its body', async ({ expect, onTestFinished }) => {
    const { open, callbackPath, savedCount } = await start(onTestFinished)
    const { socket, statuses, closed } = open()
    const [head, body] = postOf(callbackPath, callback, `${h2c}Expect: 100-continue\r\n`).split('\r\n\r\n')
    socket.write(`${head}\r\n\r\n`)
    await expect.poll(statuses, { timeout: 10_000 }).toEqual([100])
    socket.write(body ?? '')
    await closed
    expect(statuses()).toEqual([100, 200])
    expect(await savedCount()).toBe(1)
  })

  test('is refused if the length of its body is ambiguous or missing', async ({ expect, onTestFinished }) => {
    const { open, callbackPath, savedCount } = await start(onTestFinished)
    for (const framing of [
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
      'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n',
      'Transfer-Encoding: chunked, gzip\r\n',
      'Content-Length: 5\r\nContent-Length: 6\r\n',
    ]) {
      const { socket, statuses, closed } = open()
      socket.write(
        `POST ${callbackPath} HTTP/1.1\r\nHost: localhost\r\n${json}${h2c}${framing}\r\n5\r\n12345\r\n0\r\n\r\n`,
      )
      await closed
      expect(statuses()).toEqual([400])
    }
    expect(await savedCount()).toBe(0)
  })

  test('counts against the request limit', async ({ expect, onTestFinished }) => {
    const { open } = await start(onTestFinished, { REQUESTS_PER_MINUTE: '2' })
    const ask = async () => {
      const { socket, statuses, closed } = open()
      socket.write(postOf('/graphql', query, h2c))
      await closed
      return statuses()
    }
    // The order counted as the first request.
    expect([await ask(), await ask()]).toEqual([[200], [429]])
  })

  test('waits for the answer to an earlier request', async ({ expect, onTestFinished }) => {
    const { provider, open } = await start(onTestFinished)
    const answers = holdSubmits(provider)
    const { socket, text, closed } = open()
    socket.write(postOf('/graphql', orderOf('second'), '') + postOf('/graphql', query, h2c))
    await provider.order(1)
    expect(text()).toBe('')
    answers.give()
    expect(await closed).toMatch(/SeparateSuccess[^]*HTTP\/1\.1 200 OK[^]*"Query"/)
  })
})

describe.concurrent('data after a request for HTTP/2 on the same connection', () => {
  /** Sends these packets; resolves to all answers when the connection is closed. */
  async function send(
    { expect, onTestFinished }: { readonly expect: ExpectStatic; readonly onTestFinished: Ending },
    pieces: (callbackPath: string) => readonly string[],
  ) {
    const { open, callbackPath, provider, savedCount } = await start(onTestFinished)
    const { socket, statuses, closed } = open()
    socket.setNoDelay(true)
    for (const piece of pieces(callbackPath)) {
      socket.write(piece)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await closed
    expect(await savedCount()).toBe(0)
    // The order of the gateway's start.
    expect(provider.orders).toHaveLength(1)
    return statuses()
  }
  const first = postOf('/graphql', query, h2c)

  test('is never executed, in the same packet or a later one', async ({ expect, onTestFinished }) => {
    const behind = postOf('/graphql', orderOf('behind'), '')
    expect(await send({ expect, onTestFinished }, () => [first + behind])).toEqual([200])
    expect(await send({ expect, onTestFinished }, () => [first, behind])).toEqual([200])
  })

  test('is never parsed as a request if it is the body of one', async ({ expect, onTestFinished }) => {
    const statuses = await send({ expect, onTestFinished }, (callbackPath) => {
      const hidden = postOf(callbackPath, callback, '')
      const head = `POST /graphql HTTP/1.1\r\nHost: localhost\r\n${json}Content-Length: ${hidden.length + 2}\r\n\r\n`
      // The packets are cut so that one starts with the hidden request.
      return [`${first}${head}12`, hidden]
    })
    expect(statuses).toEqual([200])
  })

  test('is not executed while the first request is still being answered', async ({ expect, onTestFinished }) => {
    const { provider, open } = await start(onTestFinished)
    const answers = holdSubmits(provider)
    const { socket, statuses, closed } = open()
    socket.write(postOf('/graphql', orderOf('second'), h2c))
    await provider.order(1)
    await new Promise((resolve) => socket.write(postOf('/graphql', orderOf('third'), ''), resolve))
    await new Promise((resolve) => setTimeout(resolve, 200))
    answers.give()
    await closed
    expect(statuses()).toEqual([200])
    expect(provider.orders).toHaveLength(2)
  })
})

describe.concurrent('an upgrade request', () => {
  test.for<readonly [string, string, number]>([
    ['to a WebSocket at another path', `GET /health/live HTTP/1.1\r\nHost: localhost\r\n${webSocket}\r\n`, 200],
    ['to a WebSocket at an unknown path', `GET /nope HTTP/1.1\r\nHost: localhost\r\n${webSocket}\r\n`, 404],
    ['to a WebSocket by POST', postOf('/graphql', query, webSocket), 200],
    ['to a WebSocket by HTTP/1.0', postOf('/graphql', query, webSocket).replace('HTTP/1.1', 'HTTP/1.0'), 200],
    [
      'to one of several protocols',
      postOf('/graphql', query, webSocket.replace(': websocket', ': h2c, websocket')),
      200,
    ],
    ['in two Upgrade headers', postOf('/graphql', query, `Upgrade: h2c\r\n${webSocket}`), 200],
    ['to an unknown protocol', postOf('/graphql', query, 'Connection: upgrade\r\nUpgrade: x\r\n'), 200],
  ])('%s is served as a plain request', async ([, request, status], { expect, onTestFinished }) => {
    const { open } = await start(onTestFinished)
    const { socket, statuses, closed } = open()
    socket.write(request)
    await closed
    expect(statuses()).toEqual([status])
  })

  test('to a WebSocket at /graphql is accepted in any letter case', async ({ expect, onTestFinished }) => {
    const { open } = await start(onTestFinished)
    for (const asked of [webSocket, webSocket.replace(': websocket', ': WebSocket')]) {
      const { socket, statuses } = open()
      socket.write(`GET /graphql?a=b HTTP/1.1\r\nHost: localhost\r\n${asked}\r\n`)
      await expect.poll(statuses, { timeout: 10_000 }).toEqual([101])
    }
  })

  test('to a WebSocket is not accepted while an earlier request is being answered', async ({
    expect,
    onTestFinished,
  }) => {
    const { provider, open } = await start(onTestFinished)
    const answers = holdSubmits(provider)
    const { socket, text, statuses, closed } = open()
    socket.write(
      `${postOf('/graphql', orderOf('second'), '')}GET /graphql HTTP/1.1\r\nHost: localhost\r\n${webSocket}\r\n`,
    )
    await provider.order(1)
    expect(text()).toBe('')
    answers.give()
    expect(await closed).toMatch(/SeparateSuccess[^]*HTTP/)
    expect(statuses()).toEqual([200, 200])
  })

  test('by CONNECT opens no tunnel', async ({ expect, onTestFinished }) => {
    const { open } = await start(onTestFinished)
    const { socket, statuses, closed } = open()
    socket.write('CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await closed
    expect(statuses()).toEqual([])
  })
})

test.concurrent(
  'an order that requests HTTP/2 is answered while the gateway stops',
  async ({ expect, onTestFinished }) => {
    const { gateway, provider, open } = await start(onTestFinished)
    const answers = holdSubmits(provider)
    const { socket, statuses, closed } = open()
    socket.write(postOf('/graphql', orderOf('second'), h2c))
    await provider.order(1)
    const stopped = gateway.close()
    await new Promise((resolve) => setTimeout(resolve, 700))
    answers.give()
    await closed
    await stopped
    expect(statuses()).toEqual([200])
  },
)
