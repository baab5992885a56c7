import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { pendingTask } from '../support/tasks.ts'
import { startWiredGateway, type WiredGateway } from '../support/wired-gateway.ts'

const query = 'subscription ($taskId: ID!) { separationUpdated(taskId: $taskId) { revision audioId } }'
const padding = 'x'.repeat(250_000)

/** Subscribes to the task over SSE and stops reading. */
async function openAndStop(gateway: WiredGateway, taskId: string): Promise<Socket> {
  const body = JSON.stringify({ query, variables: { taskId } })
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  socket.write(
    'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n' +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  )
  await once(socket, 'data')
  socket.pause()
  return socket
}

test('a stream that its client no longer reads is closed within a minute, and an idle stream is not', async () => {
  const gateway = await startWiredGateway()
  const [task, quiet] = [pendingTask({ audioId: padding }), pendingTask()]
  for (const each of [task, quiet]) await gateway.put(each)
  await openAndStop(gateway, task.id)
  const waiting = await openAndStop(gateway, quiet.id)
  waiting.resume()
  await expect.poll(() => gateway.subscriptions()).toBe(2)
  // More than the buffers of the connection can hold.
  for (let revision = 2; revision <= 100; revision++) {
    await gateway.put({ ...task, revision })
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(gateway.subscriptions()).toBe(2)
  await expect.poll(() => gateway.subscriptions(), { timeout: 60_000, interval: 500 }).toBe(1)
  expect(waiting.destroyed).toBe(false)
}, 70_000)
