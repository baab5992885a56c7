import { createServer, type ServerResponse } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import type { Resolve } from '../../src/addresses/guarded-lookup.ts'
import { postMessage } from '../../src/webhooks/post-message.ts'
import { createWebhookAddresses } from '../../src/webhooks/webhook-addresses.ts'
import { listenOnLoopback } from '../support/listen-on-loopback.ts'

/** A server that must not be reached, or answers as the test says. */
async function startServer(answer: Parameters<typeof createServer>[1]) {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    answer?.(request, response)
  })
  return { requests, url: new URL(await listenOnLoopback(server, onTestFinished)) }
}

const post = (url: URL, more: Partial<Parameters<typeof postMessage>[0]> = {}) =>
  postMessage({
    url,
    permission: 'public',
    headers: {},
    body: '{}',
    timeoutMs: 5_000,
    signal: new AbortController().signal,
    ...more,
  })

const resolveTo =
  (address: string): Resolve =>
  (_host, _options, callback) =>
    callback(null, [{ address, family: 4 }])

test.each(['127.0.0.1', '10.1.2.3', '169.254.169.254', '192.168.0.1', '100.64.0.1'])(
  'a name that resolves to %s is not connected to',
  async (address) => {
    const { url, requests } = await startServer((_request, response) => response.end())
    url.hostname = 'rebound.example'
    expect(await post(url, { resolve: resolveTo(address) })).toEqual({ kind: 'not-allowed' })
    expect(requests).toEqual([])
  },
)

test.each([
  ['https://app.example/hook', 'public'],
  ['http://app.example/hook', null],
  ['https://127.0.0.1/hook', null],
  ['https://[::ffff:10.0.0.1]/hook', null],
  ['http://hooks.intern/hook', 'any'],
  ['http://10.0.0.9:9000/hook', 'any'],
  ['http://10.0.0.9:9001/hook', null],
])('%s is allowed as %s', (url, permission) => {
  const addresses = createWebhookAddresses(['hooks.intern', '10.0.0.9:9000'])
  expect(addresses.permissionOf(new URL(url))).toBe(permission)
  expect(addresses.mistakeIn(url) === null).toBe(permission !== null)
})

test('a redirect is an answer, and nobody follows it', async () => {
  const { url, requests } = await startServer((_request, response) => {
    response.writeHead(307, { location: '/elsewhere' }).end()
  })
  expect(await post(url, { permission: 'any' })).toEqual({ kind: 'answered', status: 307, retryAfter: null })
  expect(requests).toEqual(['/'])
})

test('an answer without an end is not read', async () => {
  const { url } = await startServer((_request, response) => {
    response.writeHead(200, { 'retry-after': '7' })
    const writing = setInterval(() => response.write('x'.repeat(100_000)), 1)
    response.on('close', () => clearInterval(writing))
  })
  expect(await post(url, { permission: 'any' })).toEqual({ kind: 'answered', status: 200, retryAfter: '7' })
})

test.each([
  ['never answers', () => {}],
  [
    'sends its headers byte by byte',
    (_request: unknown, response: ServerResponse) => {
      const writing = setInterval(() => response.socket?.write('H'), 20)
      response.on('close', () => clearInterval(writing))
    },
  ],
] as const)('a receiver that %s is left after the time', async (_what, answer) => {
  const { url } = await startServer(answer)
  const outcome = await post(url, { permission: 'any', timeoutMs: 200 })
  expect(['timeout', 'unreachable']).toContain(outcome.kind)
})

test('a connection that breaks is told by its code alone', async () => {
  const { url } = await startServer((_request, response) => response.socket?.destroy())
  url.pathname = '/a-secret'
  const outcome = await post(url, { permission: 'any' })
  expect(outcome).toMatchObject({ kind: 'unreachable' })
  expect(JSON.stringify(outcome)).not.toContain('a-secret')
})

test('a gateway that stops ends the attempt', async () => {
  const stopping = new AbortController()
  const { url } = await startServer(() => stopping.abort())
  expect(await post(url, { permission: 'any', signal: stopping.signal })).toEqual({ kind: 'stopped' })
  expect(await post(url, { permission: 'any', signal: stopping.signal })).toEqual({ kind: 'stopped' })
})
