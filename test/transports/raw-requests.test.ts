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

/** A gateway with one order, and the two URLs that accept bodies: `/graphql` and the order's callback URL. */
async function start(atEnd: Ending) {
  const provider = await startPlayedProvider(atEnd)
  const gateway = await startGateway(provider.environment, atEnd)
  const taskId = await order(gateway)
  const { callBackUrl } = (await provider.order(0)).body
  const store = await openStoreOf(gateway, atEnd)
  return {
    gateway,
    paths: { '/graphql': '/graphql', 'a callback': new URL(callBackUrl).pathname },
    /** The number of stored callbacks. */
    savedCount: async () => (await store.savedCallbacks(taskId)).length,
    open: () => openLine(gateway.url, atEnd),
  }
}

/** Writes at this interval until the connection is closed. */
function trickle(socket: Socket, text: string, everyMs: number): void {
  const timer = setInterval(() => socket.write(text), everyMs)
  socket.once('close', () => clearInterval(timer))
}

const targets = ['/graphql', 'a callback'] as const
type Target = (typeof targets)[number]
const limitOf: Readonly<Record<Target, number>> = { '/graphql': 64 * kib, 'a callback': 256 * kib }

function head(path: string, headers: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${json}${headers}\r\n`
}

function chunked(body: string | Buffer): Buffer {
  const size = Buffer.byteLength(body).toString(16)
  return Buffer.concat([Buffer.from(`${size}\r\n`), Buffer.from(body), Buffer.from('\r\n0\r\n\r\n')])
}

describe.concurrent.each(targets)('the body of %s', (target) => {
  test('is refused above its limit, from the first byte, chunked or with Content-Length', async ({
    expect,
    onTestFinished,
  }) => {
    const { paths, savedCount, open } = await start(onTestFinished)
    const large = 'x'.repeat(limitOf[target] + 1)
    for (const request of [
      Buffer.concat([Buffer.from(head(paths[target], 'transfer-encoding: chunked\r\n')), chunked(large)]),
      Buffer.from(head(paths[target], `content-length: ${large.length}\r\n`) + large),
      // The refusal does not wait for the body.
      Buffer.from(head(paths[target], 'content-length: 1000000000000\r\n')),
    ]) {
      const { socket, statuses } = open()
      socket.write(request)
      await expect.poll(statuses, { timeout: 10_000 }).toEqual([413])
    }
    expect(await savedCount()).toBe(0)
  })

  test('is refused or cut exactly where its length says', async ({ expect, onTestFinished }) => {
    const { paths, savedCount, open } = await start(onTestFinished)
    const refused = async (text: string | Buffer) => {
      const { socket, statuses } = open()
      socket.write(text)
      await expect.poll(statuses, { timeout: 10_000 }).toContain(400)
      expect(new Set(statuses())).toEqual(new Set([400]))
    }
    // Two lengths, or invalid ones: a proxy in front might interpret them differently.
    const both = 'content-length: 5\r\ntransfer-encoding: chunked\r\n'
    await refused(Buffer.concat([Buffer.from(head(paths[target], both)), chunked(query)]))
    for (const length of [
      'content-length: 5\r\ncontent-length: 26\r\n',
      'content-length: -1\r\n',
      'content-length: 2x\r\n',
    ]) {
      await refused(head(paths[target], length) + query)
    }
    await refused(head(paths[target], 'transfer-encoding: gzip, chunked, identity\r\n') + query)
    // Without a length there is no body. What follows is not a valid request.
    await refused(`${head(paths[target], '')}${query}\r\n\r\n`)
    // What follows the length is the next request, and invalid.
    await refused(`${head(paths[target], 'content-length: 5\r\n')}${query}\r\n\r\n`)
    expect(await savedCount()).toBe(0)
  })

  test('is not decompressed beyond its limit', async ({ expect, onTestFinished }) => {
    const { paths, savedCount, open } = await start(onTestFinished)
    // Within the limit when compressed, far beyond it when decompressed.
    const packed = gzipSync(
      JSON.stringify({ code: 200, data: { task_id: 'provider-task-1' }, more: ' '.repeat(16 * 1_048_576) }),
    )
    expect(packed.length).toBeLessThan(limitOf[target])
    const { socket, statuses } = open()
    socket.write(head(paths[target], `content-encoding: gzip\r\ncontent-length: ${packed.length}\r\n`))
    socket.write(packed)
    await expect.poll(statuses, { timeout: 10_000 }).toEqual([target === '/graphql' ? 415 : 413])
    expect(await savedCount()).toBe(0)
  })

  test(
    'whose headers do not end is cut off after ten seconds',
    { timeout: 30_000 },
    async ({ expect, onTestFinished }) => {
      const { paths, open } = await start(onTestFinished)
      const slow = open()
      slow.socket.write(`POST ${paths[target]} HTTP/1.1\r\nHost: localhost\r\nx-slow: `)
      trickle(slow.socket, 'x', 200)
      const many = open()
      many.socket.write(`POST ${paths[target]} HTTP/1.1\r\nHost: localhost\r\n`)
      trickle(many.socket, 'x-more: y\r\n', 200)
      const upgrading = open()
      upgrading.socket.write(`POST ${paths[target]} HTTP/1.1\r\nHost: localhost\r\n${h2c}x-slow: `)
      trickle(upgrading.socket, 'x', 200)
      const startedAt = performance.now()
      await Promise.all([slow.closed, many.closed, upgrading.closed])
      expect(performance.now() - startedAt).toBeLessThan(20_000)
      expect([slow, many, upgrading].map(({ statuses }) => statuses())).toEqual([[408], [408], [408]])
    },
  )

  test('is not read if the headers are too large', async ({ expect, onTestFinished }) => {
    const { paths, open } = await start(onTestFinished)
    const { socket, statuses } = open()
    socket.write(head(paths[target], `x-large: ${'x'.repeat(20 * kib)}\r\n`))
    await expect.poll(statuses, { timeout: 10_000 }).toEqual([431])
  })
})

test.concurrent(
  'a body that arrives slowly, or continues after its refusal, is cut off after 30 seconds',
  { timeout: 60_000 },
  async ({ expect, onTestFinished }) => {
    const { paths, savedCount, open } = await start(onTestFinished)
    const startedAt = performance.now()
    const inChunks = 'transfer-encoding: chunked\r\n'
    const lines = targets.flatMap((target) => {
      const path = paths[target]
      const large = limitOf[target] / 16
      return [
        { begin: head(path, 'content-length: 50000\r\n'), more: ' ', status: 408 },
        { begin: head(path, `${h2c}content-length: 50000\r\n`), more: ' ', status: 408 },
        { begin: head(path, inChunks), more: '1\r\n \r\n', status: 408 },
        // A chunk extension that never ends.
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
    expect(await savedCount()).toBe(0)
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
    ['by GET with X-HTTP-Method-Override', { headers: { 'x-http-method-override': 'POST' } }],
    ['by PUT', { method: 'PUT', headers, body: query }],
    [
      'by POST with a content type that only begins like JSON',
      { method: 'POST', headers: { 'content-type': 'application/json;text/plain' }, body: query },
    ],
    ['by POST of a form', { method: 'POST', body: new URLSearchParams({ query: 'mutation' }) }],
    ['by POST without a content type', { method: 'POST', body: new Blob([query]) }],
    ['by POST without a body', { method: 'POST' }],
    ['in the URL of a POST', { method: 'POST', headers, body: '{}' }],
    ['in the URL of a POST with another operation', { method: 'POST', headers, body: query }],
  ])('%s is not executed', async ([, init], { expect, onTestFinished }) => {
    const provider = await startPlayedProvider(onTestFinished)
    const gateway = await startGateway(provider.environment, onTestFinished)
    const response = await fetch(`${gateway.url}/graphql?query=${mutation}`, init)
    const text = await response.text()
    expect(text).not.toContain('SeparateSuccess')
    expect(provider.orders).toEqual([])
  })
})
