import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { order, startGateway, type TestGateway } from '../support/gateway.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { post, webSocketUrl } from '../support/transports.ts'

const watch = 'subscription ($taskId: ID!) { separationUpdated(taskId: $taskId) { id } }'
const slowSandbox = { SANDBOX_DELAY_MS: '60000' }

/** An authenticated socket and the messages that it receives. */
async function openSocket(gateway: TestGateway) {
  const socket = new WebSocket(webSocketUrl(gateway.url), 'graphql-transport-ws')
  onTestFinished(() => socket.terminate())
  const report: { readonly id?: string; readonly type: string; readonly payload?: unknown }[] = []
  socket.on('message', (data: Buffer) => report.push(JSON.parse(data.toString())))
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init' }))
  await expect.poll(() => report).toContainEqual({ type: 'connection_ack' })
  return {
    socket,
    report,
    subscribe: (id: string, taskId: string) =>
      socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query: watch, variables: { taskId } } })),
  }
}

describe('a socket', () => {
  test('may have 100 concurrent operations, and the next one is refused', async () => {
    const gateway = await startGateway(slowSandbox)
    const taskId = await order(gateway, { audioId: 'done' })
    const { report, subscribe, socket } = await openSocket(gateway)
    for (let index = 0; index < 5_000; index++) subscribe(`${index}`, taskId)
    await expect.poll(() => report.filter(({ type }) => type === 'error'), { timeout: 15_000 }).toHaveLength(4_900)
    expect(report.find(({ type }) => type === 'error')?.payload).toEqual([
      {
        message: 'A socket is limited to 100 concurrent operations. Complete some of them or open another socket.',
        extensions: { code: 'RATE_LIMITED' },
      },
    ])
    expect(gateway.app.subscriptions()).toBe(100)
    // A completed operation frees its slot.
    socket.send(JSON.stringify({ id: '0', type: 'complete' }))
    await expect.poll(() => gateway.app.subscriptions()).toBe(99)
    subscribe('again', taskId)
    await expect.poll(() => report.filter(({ id, type }) => id === 'again' && type === 'next')).toHaveLength(1)
  })

  test('is closed at a message of more than 64 KiB', async () => {
    const gateway = await startGateway(slowSandbox)
    const { socket } = await openSocket(gateway)
    const closed = once(socket, 'close')
    socket.send('x'.repeat(64 * 1024 + 1))
    expect((await closed)[0]).toBe(1009)
  })
})

test('an IP address is limited in open sockets, and may open another one after closing one', async () => {
  const gateway = await startGateway({ SOCKETS_PER_ADDRESS: '3' })
  const sockets = await Promise.all([openSocket(gateway), openSocket(gateway), openSocket(gateway)])
  const refused = new WebSocket(webSocketUrl(gateway.url), 'graphql-transport-ws')
  const [error] = await once(refused, 'error')
  expect(String(error)).toContain('403')
  const closed = once(sockets[0].socket, 'close')
  sockets[0].socket.close()
  await closed
  await expect.poll(async () => openSocket(gateway).then(() => 'open', String)).toBe('open')
})

test('a caller is limited in open subscriptions, over all transports', async () => {
  const gateway = await startGateway({ ...slowSandbox, SUBSCRIPTIONS_PER_CALLER: '2' })
  const taskId = await order(gateway, { audioId: 'done' })
  const first = await openSocket(gateway)
  first.subscribe('1', taskId)
  await expect.poll(() => gateway.app.subscriptions()).toBe(1)
  const second = await openSocket(gateway)
  second.subscribe('2', taskId)
  await expect.poll(() => gateway.app.subscriptions()).toBe(2)

  second.subscribe('3', taskId)
  const limited = { errors: [{ extensions: { code: 'RATE_LIMITED' } }] }
  await expect.poll(() => second.report.find(({ id }) => id === '3')).toMatchObject({ payload: limited })
  const stream = await post(gateway.url, { query: watch, variables: { taskId } }, 'text/event-stream')
  expect(await stream.text()).toContain('"RATE_LIMITED"')

  first.socket.terminate()
  await expect.poll(() => gateway.app.subscriptions()).toBe(1)
  second.subscribe('4', taskId)
  await expect.poll(() => second.report.filter(({ id, type }) => id === '4' && type === 'next')).toHaveLength(1)
})

test('a client that guesses callback URLs is rate-limited, and a callback from the same IP address is accepted', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway(provider.environment)
  await order(gateway)
  const { callBackUrl } = (await provider.order(0)).body
  const statuses = new Set<number>()
  for (let index = 0; index < 150; index++) {
    const guess = callBackUrl.slice(0, -4) + String(index).padStart(4, '0')
    const answer = await fetch(guess, { method: 'POST', body: '{}' })
    statuses.add(answer.status)
    if (answer.status === 429) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    await answer.arrayBuffer()
  }
  expect(statuses).toEqual(new Set([404, 429]))
  provider.answerRead(recordOfSuccess('provider-task-1'))
  expect(await provider.callBack(callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)
})

test('a flood of callbacks checks the task at most every 2 seconds', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, CHECK_INTERVAL_SECONDS: '60' })
  await order(gateway)
  const { callBackUrl } = (await provider.order(0)).body
  const startedAt = performance.now()
  const body = { code: 200, msg: 'success', data: { task_id: 'provider-task-1' } }
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 20 }, () => provider.callBack(callBackUrl, body)))
  }
  await expect.poll(() => provider.reads.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(2)
  const seconds = (performance.now() - startedAt) / 1_000
  expect(provider.reads.length).toBeLessThanOrEqual(2 + seconds / 2)
})

test('a request that never ends is closed', { timeout: 30_000 }, async () => {
  const gateway = await startGateway()
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write('POST /graphql HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
  const dripping = setInterval(() => socket.write('x'), 500)
  onTestFinished(() => clearInterval(dripping))
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1.1 408 /)
})

test('every answer has the security headers', async () => {
  const gateway = await startGateway()
  for (const path of ['/graphql?query={__typename}', '/health/live', '/nothing', '/metrics', '/callbacks/x']) {
    const { headers } = await fetch(`${gateway.url}${path}`)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
  }
})
