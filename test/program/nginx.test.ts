import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { ask } from '../support/callers.ts'
import { mp3Bytes, rangedFile, startFileServer } from '../support/file-server.ts'
import { order, startGateway, untilSettled } from '../support/gateway.ts'
import { isNginxThere, startNginx } from '../support/nginx.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { linkOf } from '../support/stem-link.ts'
import { transports } from '../support/transports.ts'
import { next, rest, watchOver } from '../support/watchers.ts'

const anonymous = { ALLOW_ANONYMOUS: 'true' }
const question = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"query":"{ __typename }"}' }

describe.skipIf(!isNginxThere())('behind nginx with deploy/nginx.conf', () => {
  test.each(['POST', 'GET', 'SSE by POST', 'WebSocket'] as const)('an operation is answered over %s', async (name) => {
    const nginx = await startNginx([(await startGateway(anonymous)).url])
    const [result] = await transports[name](nginx.url, { query: '{ __typename }' })
    expect(result).toEqual({ data: { __typename: 'Query' } })
  })

  test.each(['SSE', 'WebSocket'] as const)('a subscriber over %s sees each state when it happens', async (name) => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({ ...anonymous, ...provider.environment })
    const nginx = await startNginx([gateway.url])
    const taskId = await order(gateway)
    const watcher = watchOver[name](nginx.url, taskId)
    // Were events held back, this would not come before the end.
    expect(await next(watcher)).toMatchObject({ status: 'PENDING' })
    provider.answerRead(recordOfSuccess('provider-task-1'))
    const { body } = await provider.order(0)
    const callbackUrl = `${nginx.url}${new URL(body.callBackUrl).pathname}`
    const forwarded = { 'x-forwarded-for': '203.0.113.7', host: 'tunnel.example' }
    expect(await provider.callBack(callbackUrl, callbackOfSuccess('provider-task-1'), forwarded)).toBe(200)
    expect((await rest(watcher)).at(-1)).toMatchObject({ status: 'SUCCESS' })
  })

  test('a part of a stem is read by its link, and no address with a token is logged', async () => {
    const bytes = mp3Bytes(400_000)
    const files = await startFileServer(rangedFile(bytes))
    const gateway = await startGateway({ ...anonymous, STEM_HOSTS_ALLOWED: files.host })
    const nginx = await startNginx([gateway.url])
    const { pathname } = new URL(await linkOf(gateway, `${files.url}/a/1.mp3`))
    const part = await fetch(`${nginx.url}${pathname}`, {
      headers: { range: 'bytes=1000-1999', origin: 'https://app.example', 'x-forwarded-for': '203.0.113.7' },
    })
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 1000-1999/400000'])
    expect(part.headers.get('access-control-allow-origin')).toBe('*')
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(1_000, 2_000))).toBe(true)
    const whole = await fetch(`${nginx.url}${pathname}`)
    expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true)
    await expect.poll(nginx.log).toContain('"GET /stems/')
    const [, , , , token = ''] = pathname.split('/')
    expect(token).toMatch(/^[\w-]{43}$/)
    expect(await nginx.log()).not.toContain(token)
  })

  test('only this machine may order, under its own names and through no proxy', async () => {
    const nginx = await startNginx([(await startGateway(anonymous)).url])
    const { host } = new URL(nginx.url)
    const port = host.split(':')[1]
    const statusOf = async (path: string, headers: Record<string, string>, more = {}) =>
      (await ask(nginx.url, path, { ...question, ...more, headers: { ...question.headers, ...headers } })).status
    for (const name of [`localhost:${port}`, host, 'localhost', `[::1]:${port}`]) {
      expect([name, await statusOf('/graphql', { host: name })]).toEqual([name, 200])
    }
    const strangers = [
      { host: 'evil.example' },
      { host: 'localhost.evil.example' },
      { host: '127.0.0.1.evil.example' },
      { host, 'x-forwarded-for': '203.0.113.7' },
      { host, forwarded: 'for=203.0.113.7' },
      { host, 'cf-ray': '1' },
      { host, via: '1.1 proxy' },
    ]
    for (const headers of strangers) {
      const statuses = [await statusOf('/graphql', headers), await statusOf('/', headers, { method: 'GET', body: '' })]
      expect([headers, ...statuses]).toEqual([headers, 403, 403])
    }
    for (const path of [
      '/metrics',
      '/sandbox/ledger',
      '/sandbox/api/v1/vocal-removal/generate',
      '/health/',
      '/admin',
    ]) {
      expect([path, await statusOf(path, { host })]).toEqual([path, 404])
    }
    expect(await statusOf('/health/live', { host: 'evil.example' }, { method: 'GET', body: '' })).toBe(200)
    expect(await statusOf('/health/ready', { host }, { method: 'GET', body: '' })).toBe(200)
  })

  test('a socket is opened only at /graphql, and only for a page of the same origin', async () => {
    const nginx = await startNginx([(await startGateway(anonymous)).url])
    const statusOf = async (path: string, origin: string) => {
      const socket = new WebSocket(`${nginx.url.replace('http', 'ws')}${path}`, 'graphql-transport-ws', { origin })
      onTestFinished(() => socket.terminate())
      socket.on('error', () => {})
      return Promise.race([
        once(socket, 'open').then(() => 101),
        once(socket, 'unexpected-response').then(([, response]) => Number(response.statusCode)),
      ])
    }
    expect(await statusOf('/graphql', nginx.url)).toBe(101)
    expect(await statusOf('/graphql', 'https://evil.example')).toBe(403)
    expect(await statusOf('/stems/x', nginx.url)).not.toBe(101)
  })

  test('a body that is too large is refused, and a large callback is taken', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({ ...anonymous, ...provider.environment })
    const nginx = await startNginx([gateway.url])
    const taskId = await order(gateway)
    const { body } = await provider.order(0)
    const callbackUrl = `${nginx.url}${new URL(body.callBackUrl).pathname}`
    const tooLarge = await fetch(callbackUrl, { ...question, body: 'x'.repeat(300_000) })
    expect([tooLarge.status, await tooLarge.json()]).toMatchObject([
      413,
      { errors: [{ extensions: { code: 'PAYLOAD_TOO_LARGE' } }] },
    ])
    provider.answerRead(recordOfSuccess('provider-task-1'))
    const large = { ...callbackOfSuccess('provider-task-1'), more: 'x'.repeat(200_000) }
    expect(await provider.callBack(callbackUrl, large)).toBe(200)
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
  })

  describe('with two gateways', () => {
    test('a gateway that is down is passed over, without an error', async () => {
      const [first, second] = [await startGateway(anonymous), await startGateway(anonymous)]
      const nginx = await startNginx([first.url, second.url])
      await first.close()
      // Twice for each, in turns.
      for (let i = 0; i < 4; i++) expect((await fetch(`${nginx.url}/graphql`, question)).status).toBe(200)
    })

    test('an order is never sent again to the other one, whatever the first one does with it', async () => {
      let orders = 0
      const urls: string[] = []
      for (let i = 0; i < 2; i++) {
        const sockets = new Set<Socket>()
        const server = createServer((socket) => {
          sockets.add(socket)
          socket.on('error', () => {})
          socket.once('data', () => {
            orders += 1
            socket.resetAndDestroy()
          })
        })
        server.listen(0, '127.0.0.1')
        await once(server, 'listening')
        onTestFinished(() => {
          server.close()
          for (const socket of sockets) socket.destroy()
        })
        const address = server.address()
        if (address !== null && typeof address !== 'string') urls.push(`http://127.0.0.1:${address.port}`)
      }
      const nginx = await startNginx(urls)
      const answer = await fetch(`${nginx.url}/graphql`, question)
      expect([answer.status, await answer.json()]).toMatchObject([
        502,
        { errors: [{ extensions: { code: 'UNAVAILABLE' } }] },
      ])
      expect(orders).toBe(1)
    })
  })
})
