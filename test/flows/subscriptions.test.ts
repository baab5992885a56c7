import { once } from 'node:events'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import type { PendingTask } from '../../src/separation/task/task.ts'
import { pendingTask, succeededTask } from '../support/tasks.ts'
import { webSocketUrl } from '../support/transports.ts'
import { next, openClient, rest, streamOf, tasksIn, watchOver, watchQuery } from '../support/watchers.ts'
import { startWiredGateway, type WiredGateway } from '../support/wired-gateway.ts'

function settled(task: PendingTask, revision: number) {
  return succeededTask({ id: task.id, providerTaskId: task.providerTaskId, revision })
}

/** A graphql-ws socket of this test with `count` subscriptions, each of which has received the task. */
async function openSubscriptions(gateway: WiredGateway, taskId: string, count: number): Promise<WebSocket> {
  const socket = new WebSocket(webSocketUrl(gateway.url), 'graphql-transport-ws')
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  const all = new Promise<void>((resolve) => {
    let report = 0
    socket.on('message', (data: Buffer) => {
      if (JSON.parse(data.toString()).type === 'next' && ++report === count) resolve()
    })
  })
  socket.send(JSON.stringify({ type: 'connection_init' }))
  await once(socket, 'message')
  for (let id = 0; id < count; id++) {
    socket.send(
      JSON.stringify({ id: String(id), type: 'subscribe', payload: { query: watchQuery, variables: { taskId } } }),
    )
  }
  await all
  return socket
}

describe('resources are released when subscribers leave', () => {
  test('300 over WebSocket, half by completing and half by disconnecting', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    const sockets = await Promise.all(Array.from({ length: 6 }, () => openSubscriptions(gateway, task.id, 50)))
    expect(gateway.subscriptions()).toBe(300)
    const [polite, vanishing] = [sockets.slice(0, 3), sockets.slice(3)]
    for (const socket of polite) {
      for (let id = 0; id < 50; id++) socket.send(JSON.stringify({ id: String(id), type: 'complete' }))
    }
    await expect.poll(() => gateway.subscriptions()).toBe(150)
    for (const socket of vanishing) socket.terminate()
    await expect.poll(() => gateway.subscriptions()).toBe(0)
    // The sockets of those that completed stay open.
    expect(polite.every(({ readyState }) => readyState === WebSocket.OPEN)).toBe(true)
  })

  test('300 over WebSocket that leave before the first result', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    const socket = await openSubscriptions(gateway, task.id, 1)
    for (let id = 1; id <= 300; id++) {
      socket.send(
        JSON.stringify({
          id: String(id),
          type: 'subscribe',
          payload: { query: watchQuery, variables: { taskId: task.id } },
        }),
      )
      socket.send(JSON.stringify({ id: String(id), type: 'complete' }))
    }
    // Requests are answered in order: all earlier ones have been processed.
    const last = new Promise<void>((resolve) => {
      socket.on('message', (data: Buffer) => {
        const { id, type } = JSON.parse(data.toString())
        if (id === 'last' && type === 'complete') resolve()
      })
    })
    socket.send(JSON.stringify({ id: 'last', type: 'subscribe', payload: { query: '{ __typename }' } }))
    await last
    await expect.poll(() => gateway.subscriptions()).toBe(1)
    socket.terminate()
    await expect.poll(() => gateway.subscriptions()).toBe(0)
  })

  test('300 over SSE', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    for (let round = 0; round < 3; round++) {
      const leaving = new AbortController()
      const watchers = Array.from({ length: 100 }, () => tasksIn(streamOf(gateway.url, task.id, leaving.signal)))
      await Promise.all(watchers.map(next))
      expect(gateway.subscriptions()).toBe(100)
      leaving.abort()
      await expect.poll(() => gateway.subscriptions()).toBe(0)
    }
  })

  test('300 over SSE that leave before the first result', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    const { port } = new URL(gateway.url)
    const target = `/graphql?${new URLSearchParams({ query: watchQuery, variables: JSON.stringify({ taskId: task.id }) })}`
    for (let round = 0; round < 3; round++) {
      const left = Array.from({ length: 100 }, async (_, i) => {
        const socket = connect(Number(port), '127.0.0.1')
        await once(socket, 'connect')
        socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`)
        for (let turn = 0; turn < i % 5; turn++) await new Promise((resolve) => setImmediate(resolve))
        socket.destroy()
        await once(socket, 'close')
      })
      await Promise.all(left)
    }
    // Requests are answered in order: all earlier ones have been processed.
    await fetch(`${gateway.url}/health/live`)
    await expect.poll(() => gateway.subscriptions()).toBe(0)
  })
})

describe.each(['WebSocket', 'SSE'] as const)('subscriptions over %s', (name) => {
  const watch = watchOver[name]

  test('deliver every change once', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    const watcher = watch(gateway.url, task.id)
    const report = [(await next(watcher)).revision]
    for (let revision = 2; revision <= 20; revision++) {
      await gateway.put({ ...task, revision })
      // A notification without a change delivers nothing.
      gateway.publish(task.id)
      report.push((await next(watcher)).revision)
    }
    await gateway.put(settled(task, 21))
    const last = await rest(watcher)
    expect(last).toMatchObject([{ revision: 21, status: 'SUCCESS' }])
    expect(report).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(gateway.subscriptions()).toBe(0)
  })

  test('deliver growing revisions, however fast the task changes', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    const watcher = watch(gateway.url, task.id)
    await next(watcher)
    const report = rest(watcher)
    for (let revision = 2; revision <= 200; revision++) await gateway.put({ ...task, revision })
    await gateway.put(settled(task, 201))
    const revisions = (await report).map(({ revision }) => revision)
    expect(revisions.at(-1)).toBe(201)
    expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b))
  })

  test('deliver the end of a task to all of its 200 subscribers', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    // A socket may carry 100 subscriptions.
    const clients = Array.from({ length: 2 }, () => openClient(gateway.url))
    const watchers = Array.from({ length: 200 }, (_, index) =>
      name === 'WebSocket'
        ? tasksIn(
            (clients[index % 2] ?? openClient(gateway.url)).iterate({
              query: watchQuery,
              variables: { taskId: task.id },
            }),
          )
        : watch(gateway.url, task.id),
    )
    await Promise.all(watchers.map(next))
    expect(gateway.subscriptions()).toBe(200)
    await gateway.put(settled(task, 2))
    const ends = await Promise.all(watchers.map(rest))
    expect(ends.every((end) => end.length === 1 && end[0]?.status === 'SUCCESS')).toBe(true)
    expect(gateway.subscriptions()).toBe(0)
  })
})

describe('a subscriber that stops reading', () => {
  const changes = 200
  const padding = 'x'.repeat(250_000)

  /** Changes the task repeatedly while the subscriber does not read; the last change settles it. */
  async function changeOften(gateway: WiredGateway, task: PendingTask): Promise<void> {
    for (let revision = 2; revision <= changes; revision++) {
      await gateway.put({ ...task, revision })
      // Lets the subscription read and write in between.
      await new Promise((resolve) => setImmediate(resolve))
    }
    await gateway.put({ ...settled(task, changes + 1), audioId: padding })
  }

  /** The connection buffers hold a few megabytes; all changes together have 50. */
  const fewOfThem = changes / 2

  function growing(revisions: readonly number[]): readonly number[] {
    return [...new Set(revisions)].toSorted((a, b) => a - b)
  }

  test('gets the latest state over WebSocket', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask({ audioId: padding })
    await gateway.put(task)
    const socket = await openSubscriptions(gateway, task.id, 1)
    socket.pause()
    await changeOften(gateway, task)
    const revisions: number[] = []
    socket.on('message', (data: Buffer) => {
      const { type, payload } = JSON.parse(data.toString())
      if (type === 'next') revisions.push(payload.data.separationUpdated.revision)
      if (type === 'complete') socket.close()
    })
    socket.resume()
    await once(socket, 'close')
    expect(revisions.at(-1)).toBe(changes + 1)
    expect(revisions).toEqual(growing(revisions))
    expect(revisions.length).toBeLessThan(fewOfThem)
  })

  test('gets the latest state over SSE', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask({ audioId: padding })
    await gateway.put(task)
    const variables = JSON.stringify({ taskId: task.id })
    const request = httpGet(`${gateway.url}/graphql?${new URLSearchParams({ query: watchQuery, variables })}`, {
      headers: { accept: 'text/event-stream' },
    })
    const [response]: IncomingMessage[] = await once(request, 'response')
    if (response === undefined) throw new Error('A response has a response.')
    await expect.poll(() => gateway.subscriptions()).toBe(1)
    await changeOften(gateway, task)
    let text = ''
    for await (const chunk of response) text += String(chunk)
    const revisions = [...text.matchAll(/"revision":(\d+)/g)].map(([, revision]) => Number(revision))
    expect(revisions.at(-1)).toBe(changes + 1)
    expect(revisions).toEqual(growing(revisions))
    expect(revisions.length).toBeLessThan(fewOfThem)
    expect(text).toContain('event: complete')
  })
})
