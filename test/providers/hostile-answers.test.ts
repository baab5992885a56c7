import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { describe, test } from 'vitest'
import { kieKey } from '../support/played-provider.ts'
import { order, startGateway, someTrack, type Ending, type TestGateway } from '../support/gateway.ts'

const separate = `mutation ($input: SeparateInput!) {
  separate(input: $input) { __typename ... on SeparateSuccess { task { id status charge } } ... on SeparateError { message } }
}`
const accepted = json({ code: 200, msg: 'success', data: { taskId: 'their-task' } })
const succeeded = json({
  code: 200,
  data: {
    taskId: 'their-task',
    successFlag: 'SUCCESS',
    response: { vocalUrl: 'https://files.example/vocal.mp3', instrumentalUrl: 'https://files.example/rest.mp3' },
  },
})
/** 64 MiB of JSON, compressed to about 64 KiB. */
const bomb = gzipSync(`{"code":200,"data":{"taskId":"their-task"},"more":"${' '.repeat(64 * 1_048_576)}"}`)

function json(value: unknown): string {
  return JSON.stringify(value)
}

/** A complete HTTP response. */
function http(body: string | Buffer, { status = 200, headers = '' } = {}): Buffer {
  const head = `HTTP/1.1 ${status} Answer\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`
  return Buffer.concat([Buffer.from(`${head}${headers}\r\n`), Buffer.from(body)])
}

/** What a hostile server does with a request instead of answering it. */
type Fault = (socket: Socket, elsewhere: string) => void

/** Writes it repeatedly until the connection closes. */
function flood(socket: Socket, text: string): void {
  const more = () => {
    if (!socket.destroyed) socket.write(text, () => setImmediate(more))
  }
  more()
}

const faults: readonly (readonly [string, Fault])[] = [
  ['a gzip bomb', (socket) => socket.end(http(bomb, { headers: 'content-encoding: gzip\r\n' }))],
  ['gzip that is none', (socket) => socket.end(http('not gzip', { headers: 'content-encoding: gzip\r\n' }))],
  ['more than 1 MiB', (socket) => socket.end(http(accepted.padEnd(1_048_577)))],
  [
    'a body that does not end',
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      flood(socket, `10000\r\n${' '.repeat(65_536)}\r\n`)
    },
  ],
  [
    'header lines that do not end',
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      flood(socket, `x-more: ${'x'.repeat(1_000)}\r\n`)
    },
  ],
  ['news of an answer that never comes', (socket) => flood(socket, 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(100))],
  ['early hints without end', (socket) => flood(socket, 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n')],
  ['a redirect to another host', (socket, elsewhere) => socket.end(http('', redirectTo(307, elsewhere)))],
  ['a redirect to another page', (socket, elsewhere) => socket.end(http('', redirectTo(302, elsewhere)))],
]

function redirectTo(status: number, url: string) {
  return { status, headers: `location: ${url}\r\n` }
}

/** A server with hand-written HTTP, for orders and reads. Records its requests. */
async function serve(onRequest: (socket: Socket, method: string, heads: readonly string[]) => void, atEnd: Ending) {
  const heads: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    let waiting = ''
    socket.on('data', (bytes) => {
      waiting += String(bytes)
      const end = waiting.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(waiting)?.[1] ?? 0)
      if (end < 0 || waiting.length < end + 4 + length) return
      heads.push(waiting.slice(0, end))
      waiting = ''
      onRequest(socket, heads.at(-1)?.split(' ')[0] ?? '', heads)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A server that listens on a port has one.')
  const asked = (method: string) => heads.filter((head) => head.startsWith(method)).length
  return { url: `http://127.0.0.1:${address.port}`, heads, sockets, asked }
}

async function start(atEnd: Ending, play: Readonly<Record<'GET' | 'POST', Fault>>) {
  const elsewhere = await serve((socket) => socket.end(http(accepted)), atEnd)
  const provider = await serve(
    (socket, method) => play[method === 'POST' ? 'POST' : 'GET'](socket, elsewhere.url),
    atEnd,
  )
  const gateway = await startGateway(
    { KIE_API_KEY: kieKey, KIE_BASE_URL: provider.url, CHECK_INTERVAL_SECONDS: '0.2', SUBMIT_TIMEOUT_SECONDS: '120' },
    atEnd,
  )
  return { gateway, provider, elsewhere }
}

async function statusOf(gateway: TestGateway, taskId: string): Promise<unknown> {
  const { data } = await gateway.ask('query ($taskId: ID!) { separation(taskId: $taskId) { status } }', { taskId })
  return (data as { separation: { status: unknown } }).separation.status
}

/** The longest time that another caller waits for the gateway meanwhile. */
async function slowestOther(gateway: TestGateway, work: Promise<unknown>): Promise<number> {
  let isOver = false
  let slowestMs = 0
  work.then(
    () => (isOver = true),
    () => (isOver = true),
  )
  while (!isOver) {
    const askedAt = performance.now()
    await (await fetch(`${gateway.url}/health/live`)).arrayBuffer()
    slowestMs = Math.max(slowestMs, performance.now() - askedAt)
    await sleep(20)
  }
  return slowestMs
}

describe.concurrent('an order that is answered with', () => {
  test.for(faults)(
    '%s is pending, sent once, and waited for no longer',
    async ([, addIssue], { expect, onTestFinished }) => {
      const { gateway, provider, elsewhere } = await start(onTestFinished, {
        POST: addIssue,
        GET: (socket) => socket.end(http(succeeded)),
      })
      const startedAt = performance.now()
      const answered = gateway.ask(separate, { input: someTrack })
      expect(await slowestOther(gateway, answered)).toBeLessThan(5_000)
      const { data } = await answered
      expect(data).toEqual({
        separate: {
          __typename: 'SeparateSuccess',
          task: { id: expect.any(String), status: 'PENDING', charge: 'MAYBE' },
        },
      })
      expect(performance.now() - startedAt).toBeLessThan(15_000)
      expect(provider.asked('POST')).toBe(1)
      expect(elsewhere.heads).toEqual([])
      await expect.poll(() => provider.sockets.size, { timeout: 10_000 }).toBe(0)
    },
  )
})

describe.concurrent('a read that is answered with', () => {
  test.for(faults)('%s is inconclusive, and the next read counts', async ([, addIssue], { expect, onTestFinished }) => {
    let reads = 0
    const { gateway, elsewhere } = await start(onTestFinished, {
      POST: (socket) => socket.end(http(accepted)),
      GET: (socket, url) => ((reads += 1) === 1 ? addIssue(socket, url) : socket.end(http(succeeded))),
    })
    const taskId = await order(gateway)
    const settled = expect.poll(() => statusOf(gateway, taskId), { timeout: 15_000 }).toBe('SUCCESS')
    expect(await slowestOther(gateway, settled)).toBeLessThan(5_000)
    await settled
    expect(elsewhere.heads).toEqual([])
  })
})

describe.concurrent('an answer in two halves', () => {
  const halves =
    (body: string): Fault =>
    (socket) => {
      const bytes = http(body)
      const half = bytes.length - 20
      socket.write(bytes.subarray(0, 9), () => {
        setTimeout(() => socket.write(bytes.subarray(9, half)), 50)
        setTimeout(() => socket.end(bytes.subarray(half)), 100)
      })
    }

  test('is one answer, for an order and for a read', async ({ expect, onTestFinished }) => {
    const { gateway, provider } = await start(onTestFinished, { POST: halves(accepted), GET: halves(succeeded) })
    const taskId = await order(gateway)
    await expect.poll(() => statusOf(gateway, taskId), { timeout: 10_000 }).toBe('SUCCESS')
    expect(provider.asked('POST')).toBe(1)
  })
})

describe.concurrent('a read', () => {
  test.for<readonly [string, (socket: Socket) => void]>([
    ['is never answered', () => {}],
    [
      'trickles in byte by byte',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
        const trickling = setInterval(() => socket.write('1\r\n \r\n'), 100)
        socket.once('close', () => clearInterval(trickling))
      },
    ],
    [
      'trickles in header by header',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n')
        const trickling = setInterval(() => socket.write('x: y\r\n'), 100)
        socket.once('close', () => clearInterval(trickling))
      },
    ],
  ])('that %s is aborted after 10 seconds', { timeout: 30_000 }, async ([, addIssue], { expect, onTestFinished }) => {
    const readAt: number[] = []
    let isBalanceRead = false
    const { gateway } = await start(onTestFinished, {
      POST: (socket) => socket.end(http(accepted)),
      GET(socket) {
        // The order itself asks for the balance first.
        if (!isBalanceRead) {
          isBalanceRead = true
          socket.end(http('{"code":200,"msg":"success","data":1000}'))
          return
        }
        readAt.push(performance.now())
        if (readAt.length === 1) addIssue(socket)
        else socket.end(http(succeeded))
      },
    })
    // A busy gateway collects garbage, which must not remove its timeouts.
    const littering = setInterval(() => Array.from({ length: 200_000 }, () => ({})), 100)
    onTestFinished(() => clearInterval(littering))
    const taskId = await order(gateway)
    await expect.poll(() => statusOf(gateway, taskId), { timeout: 25_000 }).toBe('SUCCESS')
    const [first = 0, second = 0] = readAt
    expect(second - first).toBeGreaterThan(9_000)
    expect(second - first).toBeLessThan(18_000)
  })
})
