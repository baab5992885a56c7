import { once } from 'node:events'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { stuckAddress, watchUnread } from '../suites/bench/unread.ts'
import { pendingTask, succeededTask } from '../support/tasks.ts'
import { webSocketUrl } from '../support/transports.ts'
import { startWiredGateway, type WiredGateway } from '../support/wired-gateway.ts'

const query = 'subscription ($taskId: ID!) { separationUpdated(taskId: $taskId) { id revision audioId } }'
/** More than a fifth of the unread limit, so that at most four fit. */
const payloadBytes = 240_000
const padding = 'x'.repeat(payloadBytes)
const mostUnreadBytes = 1024 * 1024
/** The size of a message without its padding. */
const slackBytes = 1_000

/** The gateway runs in this process, so the test can measure what it buffers. */
let watching: ReturnType<typeof watchUnread>
const unread = () => watching.look()
beforeEach(() => {
  watching = watchUnread()
  return () => watching.stop()
})

/** An authenticated graphql-ws socket of this test, which then stops reading. */
async function openAndStop(gateway: WiredGateway): Promise<WebSocket> {
  const socket = new WebSocket(webSocketUrl(gateway.url), 'graphql-transport-ws', { localAddress: stuckAddress })
  socket.on('error', () => {})
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init' }))
  await once(socket, 'message')
  socket.pause()
  return socket
}

function subscribe(socket: WebSocket, id: string, taskId: string): void {
  socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables: { taskId } } }))
}

test('the gateway buffers one state of each task for a socket that stops reading, and then sends the latest', async () => {
  const gateway = await startWiredGateway()
  const tasks = [pendingTask(), pendingTask(), pendingTask()].map((task) => ({ ...task, audioId: padding }))
  for (const task of tasks) await gateway.put(task)
  const socket = await openAndStop(gateway)
  for (const task of tasks) subscribe(socket, task.id, task.id)
  await expect.poll(() => gateway.subscriptions()).toBe(3)
  const changes = 60
  let mostBytes = 0
  for (let revision = 2; revision <= changes; revision++) {
    for (const task of tasks) await gateway.put({ ...task, revision })
    await new Promise((resolve) => setImmediate(resolve))
    mostBytes = Math.max(mostBytes, unread().mostBytes)
  }
  for (const { id, providerTaskId } of tasks) {
    await gateway.put(succeededTask({ id, providerTaskId, audioId: padding, revision: changes + 1 }))
  }
  // More than the buffers of the connection can hold; otherwise the test would prove nothing.
  expect(mostBytes).toBeGreaterThan(payloadBytes)
  expect(mostBytes).toBeLessThanOrEqual(tasks.length * (payloadBytes + slackBytes))

  const latest = new Map<string, number>()
  let completed = 0
  const all = new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const { id, type, payload } = JSON.parse(data.toString())
      if (type === 'next') latest.set(id, payload.data.separationUpdated.revision)
      if (type === 'complete' && ++completed === tasks.length) resolve()
    })
  })
  socket.resume()
  await all
  expect(latest).toEqual(new Map(tasks.map(({ id }) => [id, changes + 1])))
})

test('a socket with more than 1 MiB of unread data is closed at once and its subscriptions end', async () => {
  const gateway = await startWiredGateway()
  const task = pendingTask({ audioId: padding })
  await gateway.put(task)
  const socket = await openAndStop(gateway)
  const openedAtMs = performance.now()
  for (let id = 0; id < 100; id++) subscribe(socket, String(id), task.id)
  const { closed } = await new Promise<ReturnType<typeof unread>>((resolve) => {
    const looking = setInterval(() => {
      const snapshot = unread()
      if (snapshot.closed.length === 0) return
      clearInterval(looking)
      resolve(snapshot)
    }, 10)
    onTestFinished(() => clearInterval(looking))
  })
  expect(performance.now() - openedAtMs).toBeLessThan(10_000)
  expect(closed[0]?.unreadBytes).toBeGreaterThan(mostUnreadBytes)
  expect(closed[0]?.unreadBytes).toBeLessThanOrEqual(mostUnreadBytes + payloadBytes + slackBytes)
  await expect.poll(() => gateway.subscriptions()).toBe(0)
})

test('a socket that sends pongs without reading is closed within 30 seconds, and one that reads is not', async () => {
  const gateway = await startWiredGateway()
  const task = pendingTask()
  await gateway.put(task)
  const deaf = await openAndStop(gateway)
  subscribe(deaf, '1', task.id)
  const reading = await openAndStop(gateway)
  reading.resume()
  subscribe(reading, '1', task.id)
  await expect.poll(() => gateway.subscriptions()).toBe(2)
  const claiming = setInterval(() => deaf.pong(), 1_000)
  onTestFinished(() => clearInterval(claiming))
  await expect.poll(() => gateway.subscriptions(), { timeout: 30_000, interval: 250 }).toBe(1)
  expect(reading.readyState).toBe(WebSocket.OPEN)
}, 40_000)
