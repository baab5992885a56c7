import type { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, test } from 'vitest'
import { openStoreOf } from '../support/database.ts'
import { order, startGateway, type Ending } from '../support/gateway.ts'
import { startPlayedProvider } from '../support/played-provider.ts'
import { openLine } from '../support/raw-line.ts'

const kib = 1024
const json = 'content-type: application/json\r\n'
const h2c = 'connection: upgrade\r\nupgrade: h2c\r\n'
const query = '{"query":"{ __typename }"}'

/** A gateway with one order, and the ways into which bodies come: `/graphql` and the order's callback address. */
async function start(atEnd: Ending) {
  const provider = await startPlayedProvider(atEnd)
  const gateway = await startGateway(provider.environment, atEnd)
  const taskId = await order(gateway)
  const { callBackUrl } = (await provider.order(0)).body
  const store = await openStoreOf(gateway, atEnd)
  return {
    gateway,
    paths: { '/graphql': '/graphql', 'a callback': new URL(callBackUrl).pathname },
    /** How many callbacks were taken. */
    taken: async () => (await store.savedCallbacks(taskId)).length,
    open: () => openLine(gateway.url, atEnd),
  }
}

/** Writes so often, until the line is closed. */
function trickle(socket: Socket, text: string, everyMs: number): void {
  const timer = setInterval(() => socket.write(text), everyMs)
  socket.once('close', () => clearInterval(timer))
}

const places = ['/graphql', 'a callback'] as const
type Place = (typeof places)[number]
const limitOf: Readonly<Record<Place, number>> = { '/graphql': 64 * kib, 'a callback': 256 * kib }

function head(path: string, headers: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${json}${headers}\r\n`
}

function chunked(body: string | Buffer): Buffer {
  const size = Buffer.byteLength(body).toString(16)
  return Buffer.concat([Buffer.from(`${size}\r\n`), Buffer.from(body), Buffer.from('\r\n0\r\n\r\n')])
}

describe.concurrent.each(places)('the body of %s', (createOrder) => {
  test('is refused that is too large, in chunks or with a length, from the first byte beyond', async ({
    expect,
    onTestFinished,
  }) => {
    const { paths, taken, open } = await start(onTestFinished)
    const large = 'x'.repeat(limitOf[createOrder] + 1)
    for (const request of [
      Buffer.concat([Buffer.from(head(paths[createOrder], 'transfer-encoding: chunked\r\n')), chunked(large)]),
      Buffer.from(head(paths[createOrder], `content-length: ${large.length}\r\n`) + large),
      // It is not waited for either.
      Buffer.from(head(paths[createOrder], 'content-length: 1000000000000\r\n')),
    ]) {
      const { socket, statuses } = open()
      socket.write(request)
      await expect.poll(statuses, { timeout: 10_000 }).toEqual([413])
    }
    expect(await taken()).toBe(0)
  })

  test('is not read as more than it says, and not taken as less', async ({ expect, onTestFinished }) => {
    const { paths, taken, open } = await start(onTestFinished)
    const refused = async (text: string | Buffer) => {
      const { socket, statuses } = open()
      socket.write(text)
      await expect.poll(statuses, { timeout: 10_000 }).toContain(400)
      expect(new Set(statuses())).toEqual(new Set([400]))
    }
    // Two ways to say where it ends, and lengths that are none: what stands in front might read them otherwise.
    const both = 'content-length: 5\r\ntransfer-encoding: chunked\r\n'
    await refused(Buffer.concat([Buffer.from(head(paths[createOrder], both)), chunked(query)]))
    for (const length of [
      'content-length: 5\r\ncontent-length: 26\r\n',
      'content-length: -1\r\n',
      'content-length: 2x\r\n',
    ]) {
      await refused(head(paths[createOrder], length) + query)
    }
    await refused(head(paths[createOrder], 'transfer-encoding: gzip, chunked, identity\r\n') + query)
    // Without any length there is no body. What comes after it is no request.
    await refused(`${head(paths[createOrder], '')}${query}\r\n\r\n`)
    // What stands beyond the length is the next request, and none.
    await refused(`${head(paths[createOrder], 'content-length: 5\r\n')}${query}\r\n\r\n`)
    expect(await taken()).toBe(0)
  })

  test('is not unpacked beyond its limit', async ({ expect, onTestFinished }) => {
    const { paths, taken, open } = await start(onTestFinished)
    // Within the limit as it is sent, far beyond it unpacked.
    const packed = gzipSync(
      JSON.stringify({ code: 200, data: { task_id: 'provider-task-1' }, more: ' '.repeat(16 * 1_048_576) }),
    )
    expect(packed.length).toBeLessThan(limitOf[createOrder])
    const { socket, statuses } = open()
    socket.write(head(paths[createOrder], `content-encoding: gzip\r\ncontent-length: ${packed.length}\r\n`))
    socket.write(packed)
    await expect.poll(statuses, { timeout: 10_000 }).toEqual([createOrder === '/graphql' ? 415 : 413])
    expect(await taken()).toBe(0)
  })

  test(
    'whose headers do not end is cut off after ten seconds',
    { timeout: 30_000 },
    async ({ expect, onTestFinished }) => {
      const { paths, open } = await start(onTestFinished)
      const slow = open()
      slow.socket.write(`POST ${paths[createOrder]} HTTP/1.1\r\nHost: localhost\r\nx-slow: `)
      trickle(slow.socket, 'x', 200)
      const many = open()
      many.socket.write(`POST ${paths[createOrder]} HTTP/1.1\r\nHost: localhost\r\n`)
      trickle(many.socket, 'x-more: y\r\n', 200)
      const upgrading = open()
      upgrading.socket.write(`POST ${paths[createOrder]} HTTP/1.1\r\nHost: localhost\r\n${h2c}x-slow: `)
      trickle(upgrading.socket, 'x', 200)
      const startedAt = performance.now()
      await Promise.all([slow.closed, many.closed, upgrading.closed])
      expect(performance.now() - startedAt).toBeLessThan(20_000)
      expect([slow, many, upgrading].map(({ statuses }) => statuses())).toEqual([[408], [408], [408]])
    },
  )

  test('is not read whose headers are too large', async ({ expect, onTestFinished }) => {
    const { paths, open } = await start(onTestFinished)
    const { socket, statuses } = open()
    socket.write(head(paths[createOrder], `x-large: ${'x'.repeat(20 * kib)}\r\n`))
    await expect.poll(statuses, { timeout: 10_000 }).toEqual([431])
  })
})

test.concurrent(
  'a body that trickles in, or goes on for ever after its refusal, is cut off after half a minute, a callback too',
  { timeout: 60_000 },
  async ({ expect, onTestFinished }) => {
    const { paths, taken, open } = await start(onTestFinished)
    const startedAt = performance.now()
    const inChunks = 'transfer-encoding: chunked\r\n'
    const lines = places.flatMap((createOrder) => {
      const path = paths[createOrder]
      const large = limitOf[createOrder] / 16
      return [
        { begin: head(path, 'content-length: 50000\r\n'), more: ' ', status: 408 },
        { begin: head(path, `${h2c}content-length: 50000\r\n`), more: ' ', status: 408 },
        { begin: head(path, inChunks), more: '1\r\n \r\n', status: 408 },
        // The extension of a chunk, which does not end.
        { begin: `${head(path, inChunks)}1;a=`, more: 'x', status: 408 },
        { begin: head(path, inChunks), more: `${large.toString(16)}\r\n${'x'.repeat(large)}\r\n`, status: 413 },
      ]
    })
    const cutOff = await Promise.all(
      lines.map(async ({ begin, more, status }) => {
        const { socket, statuses, closed } = open()
        socket.write(begin)
        trickle(socket, more, 200)
        await closed
        return { first: statuses()[0], status }
      }),
    )
    expect(performance.now() - startedAt).toBeLessThan(45_000)
    for (const { first, status } of cutOff) expect(first).toBe(status)
    expect(await taken()).toBe(0)
  },
)

describe.concurrent('a mutation', () => {
  const mutation = encodeURIComponent(
    'mutation { separate(input: { musicTaskId: "m", audioId: "a", force: true, idempotencyKey: "k" }) { __typename } }',
  )
  const headers = { 'content-type': 'application/json' }

  test.for<readonly [string, RequestInit]>([
    ['by GET', {}],
    ['by GET as a stream', { headers: { accept: 'text/event-stream' } }],
    ['by HEAD', { method: 'HEAD' }],
    ['by GET that says it is a POST', { headers: { 'x-http-method-override': 'POST' } }],
    ['by PUT', { method: 'PUT', headers, body: query }],
    [
      'by a form whose type begins like JSON',
      { method: 'POST', headers: { 'content-type': 'application/json;text/plain' }, body: query },
    ],
    ['by a form', { method: 'POST', body: new URLSearchParams({ query: 'mutation' }) }],
    ['by a POST without a type', { method: 'POST', body: new Blob([query]) }],
    ['by a POST without a body', { method: 'POST' }],
    ['in the address of a POST', { method: 'POST', headers, body: '{}' }],
    ['in the address of a POST that asks for something else', { method: 'POST', headers, body: query }],
  ])('%s is not carried out', async ([, init], { expect, onTestFinished }) => {
    const provider = await startPlayedProvider(onTestFinished)
    const gateway = await startGateway(provider.environment, onTestFinished)
    const response = await fetch(`${gateway.url}/graphql?query=${mutation}`, init)
    const text = await response.text()
    expect(text).not.toContain('SeparateSuccess')
    expect(provider.orders).toEqual([])
  })
})
