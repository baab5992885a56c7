import { once } from 'node:events'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { createClient, type Client } from 'graphql-ws'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import type { PendingTask } from '../../src/separation/task.ts'
import { order, startGateway } from '../support/gateway.ts'
import { accepted, sendBody, startPlayedProvider } from '../support/played-provider.ts'
import { pendingTask, succeededTask } from '../support/tasks.ts'
import { get, readEvents, webSocketUrl } from '../support/transports.ts'
import { startWiredGateway, type WiredGateway } from '../support/wired-gateway.ts'

const query = 'subscription ($taskId: ID!) { separationUpdated(taskId: $taskId) { revision status audioId } }'

interface ProviderReport {
  readonly revision: number
  readonly status: string
  readonly audioId: string
}

/** What a watcher is told, one after the other. */
type Watcher = AsyncIterator<ProviderReport, void>

async function* tasksIn(results: AsyncIterable<object>): AsyncGenerator<ProviderReport, void> {
  for await (const result of results) yield JSON.parse(JSON.stringify(result)).data.separationUpdated
}

const watchOver = {
  WebSocket(url: string, taskId: string): Watcher {
    return tasksIn(openClient(url).iterate({ query, variables: { taskId } }))
  },
  SSE(url: string, taskId: string): Watcher {
    const leaving = new AbortController()
    onTestFinished(() => leaving.abort())
    return tasksIn(streamOf(url, taskId, leaving.signal))
  },
}

function openClient(url: string): Client {
  const client = createClient({ url: webSocketUrl(url), webSocketImpl: WebSocket, retryAttempts: 0, lazy: true })
  onTestFinished(() => void client.dispose())
  return client
}

async function* streamOf(url: string, taskId: string, signal: AbortSignal) {
  yield* readEvents(await get(url, { query, variables: { taskId } }, 'text/event-stream', { signal }))
}

async function next(watcher: Watcher): Promise<ProviderReport> {
  const item = await watcher.next()
  if (item.done === true) throw new Error('The subscription has ended.')
  return item.value
}

async function rest(watcher: Watcher): Promise<ProviderReport[]> {
  const report: ProviderReport[] = []
  for (let item = await watcher.next(); item.done !== true; item = await watcher.next()) report.push(item.value)
  return report
}

function settled(task: PendingTask, revision: number) {
  return succeededTask({ id: task.id, providerTaskId: task.providerTaskId, revision })
}

/** A socket of graphql-ws whose client is this test, with so many subscriptions that each have been told the task. */
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
    socket.send(JSON.stringify({ id: String(id), type: 'subscribe', payload: { query, variables: { taskId } } }))
  }
  await all
  return socket
}

describe('whoever leaves is let go', () => {
  test('of 1,000 over WebSocket, half by completing and half by vanishing', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    const sockets = await Promise.all(Array.from({ length: 20 }, () => openSubscriptions(gateway, task.id, 50)))
    expect(gateway.subscriptions()).toBe(1_000)
    const [polite, vanishing] = [sockets.slice(0, 10), sockets.slice(10)]
    for (const socket of polite) {
      for (let id = 0; id < 50; id++) socket.send(JSON.stringify({ id: String(id), type: 'complete' }))
    }
    await expect.poll(() => gateway.subscriptions()).toBe(500)
    for (const socket of vanishing) socket.terminate()
    await expect.poll(() => gateway.subscriptions()).toBe(0)
    // The polite ones' sockets go on living.
    expect(polite.every(({ readyState }) => readyState === WebSocket.OPEN)).toBe(true)
  })

  test('of 1,000 over WebSocket who leave before they are answered', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    const socket = await openSubscriptions(gateway, task.id, 1)
    for (let id = 1; id <= 1_000; id++) {
      socket.send(
        JSON.stringify({ id: String(id), type: 'subscribe', payload: { query, variables: { taskId: task.id } } }),
      )
      socket.send(JSON.stringify({ id: String(id), type: 'complete' }))
    }
    // Answered in turn, so that all before it have been dealt with.
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

  test('of 1,000 over SSE', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    for (let round = 0; round < 10; round++) {
      const leaving = new AbortController()
      const watchers = Array.from({ length: 100 }, () => tasksIn(streamOf(gateway.url, task.id, leaving.signal)))
      await Promise.all(watchers.map(next))
      expect(gateway.subscriptions()).toBe(100)
      leaving.abort()
      await expect.poll(() => gateway.subscriptions()).toBe(0)
    }
  })

  test('of 1,000 over SSE who leave before they are answered', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    const { port } = new URL(gateway.url)
    const target = `/graphql?${new URLSearchParams({ query, variables: JSON.stringify({ taskId: task.id }) })}`
    for (let round = 0; round < 10; round++) {
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
    // Answered in turn, so that all before it have been dealt with.
    await fetch(`${gateway.url}/health/live`)
    await expect.poll(() => gateway.subscriptions()).toBe(0)
  })
})

describe.each(['WebSocket', 'SSE'] as const)('over %s', (name) => {
  const watch = watchOver[name]

  test('every change is told once', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    const watcher = watch(gateway.url, task.id)
    const report = [(await next(watcher)).revision]
    for (let revision = 2; revision <= 20; revision++) {
      await gateway.put({ ...task, revision })
      // A hint without a change tells nothing.
      gateway.publish(task.id)
      report.push((await next(watcher)).revision)
    }
    await gateway.put(settled(task, 21))
    const last = await rest(watcher)
    expect(last).toMatchObject([{ revision: 21, status: 'SUCCESS' }])
    expect(report).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(gateway.subscriptions()).toBe(0)
  })

  test('revisions grow, however fast the task changes', async () => {
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

  test('500 subscribers of one task are all told of its end', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    // A socket may carry a hundred.
    const clients = Array.from({ length: 5 }, () => openClient(gateway.url))
    const watchers = Array.from({ length: 500 }, (_, index) =>
      name === 'WebSocket'
        ? tasksIn((clients[index % 5] ?? openClient(gateway.url)).iterate({ query, variables: { taskId: task.id } }))
        : watch(gateway.url, task.id),
    )
    await Promise.all(watchers.map(next))
    expect(gateway.subscriptions()).toBe(500)
    await gateway.put(settled(task, 2))
    const ends = await Promise.all(watchers.map(rest))
    expect(ends.every((end) => end.length === 1 && end[0]?.status === 'SUCCESS')).toBe(true)
    expect(gateway.subscriptions()).toBe(0)
  })
})

describe('a reader who does not read', () => {
  const changes = 200
  const padding = 'x'.repeat(250_000)

  /** Changes the task again and again while nobody reads; the last change settles it. */
  async function changeOften(gateway: WiredGateway, task: PendingTask): Promise<void> {
    for (let revision = 2; revision <= changes; revision++) {
      await gateway.put({ ...task, revision })
      // So that the subscription may read and write in between.
      await new Promise((resolve) => setImmediate(resolve))
    }
    await gateway.put({ ...settled(task, changes + 1), audioId: padding })
  }

  /** What the lines hold is some megabytes; all changes together are 50. */
  const fewOfThem = changes / 2

  function growing(revisions: readonly number[]): readonly number[] {
    return [...new Set(revisions)].toSorted((a, b) => a - b)
  }

  test('is given the latest state over WebSocket', async () => {
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

  test('is given the latest state over SSE', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask({ audioId: padding })
    await gateway.put(task)
    const variables = JSON.stringify({ taskId: task.id })
    const request = httpGet(`${gateway.url}/graphql?${new URLSearchParams({ query, variables })}`, {
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

describe('when the gateway stops', () => {
  async function startWithTask() {
    const gateway = await startGateway({ SANDBOX_DELAY_MS: '60000' })
    return { gateway, taskId: await order(gateway, { audioId: 'done' }) }
  }

  test('its sockets are closed with 1012 and its streams are cut, not completed', async () => {
    const { gateway, taskId } = await startWithTask()
    const socket = new WebSocket(webSocketUrl(gateway.url), 'graphql-transport-ws')
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'connection_init' }))
    await once(socket, 'message')
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query, variables: { taskId } } }))
    await once(socket, 'message')
    const after: string[] = []
    socket.on('message', (data: Buffer) => after.push(data.toString()))
    const stream = watchOver.SSE(gateway.url, taskId)
    await next(stream)
    expect(gateway.app.subscriptions()).toBe(2)

    const closed = once(socket, 'close')
    const cut = stream.next().then(() => 'told more', String)
    await gateway.close()
    expect((await closed)[0]).toBe(1012)
    expect(await cut).toBe('TypeError: terminated')
    expect(after).toEqual([])
    expect(gateway.app.subscriptions()).toBe(0)
  })

  test('a stream is cut whatever its reader accepts', async () => {
    const { gateway, taskId } = await startWithTask()
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: '*/*' },
      body: JSON.stringify({ query, variables: { taskId } }),
    })
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    await expect.poll(() => gateway.app.subscriptions()).toBe(1)
    const cut = response.text().then(() => 'ended', String)
    const startedAt = performance.now()
    await gateway.close()
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(await cut).toBe('TypeError: terminated')
  })

  test('nobody who does not listen holds it up', async () => {
    const { gateway, taskId } = await startWithTask()
    const deaf = new WebSocket(webSocketUrl(gateway.url), 'graphql-transport-ws')
    onTestFinished(() => deaf.terminate())
    await once(deaf, 'open')
    deaf.pause()
    const stream = watchOver.SSE(gateway.url, taskId)
    await next(stream)
    const cut = stream.next().then(() => 'told more', String)
    // A connection that is kept open between requests.
    const idle = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    onTestFinished(() => void idle.destroy())
    idle.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(idle, 'data')
    const ended = once(idle, 'close')
    // And one on which nothing was ever said.
    const silent = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    onTestFinished(() => void silent.destroy())
    await once(silent, 'connect')

    const startedAt = performance.now()
    await gateway.close()
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(await cut).toBe('TypeError: terminated')
    await ended
    await expect(fetch(gateway.url)).rejects.toThrow('fetch failed')
  })

  test('what is under way is answered, and what comes behind it on the same connection is not begun', async () => {
    const provider = await startPlayedProvider()
    let answerNow = () => {}
    provider.answerSubmit((response) => (answerNow = () => sendBody(response, accepted('their-task'))))
    const gateway = await startGateway(provider.environment)
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    const request = (audioId: string) => {
      const body = JSON.stringify({
        query: `mutation { separate(input: { musicTaskId: "m", audioId: "${audioId}" }) { ... on SeparateSuccess { task { id } } } }`,
      })
      return `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    }
    socket.write(request('first'))
    await provider.order(0)
    const closed = gateway.close()
    socket.write(request('second'))
    answerNow()
    let answers = ''
    for await (const chunk of socket) answers += String(chunk)
    await closed
    const [first, ...others] = answers.match(/HTTP\/1\.1 \d+/g) ?? []
    expect(first).toBe('HTTP/1.1 200')
    // Not even that has to be said.
    expect(others.filter((status) => status !== 'HTTP/1.1 503')).toEqual([])
    expect(answers).toMatch(/^connection: close\r$/im)
    expect(answers).toContain('"sep_')
    expect(provider.orders).toHaveLength(1)
  })

  test('a stream that had yet to begin is cut as well', async () => {
    const { gateway, taskId } = await startWithTask()
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    const body = JSON.stringify({ query, variables: { taskId } })
    socket.write(
      `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    )
    // The gateway has taken the request and waits for its body.
    expect(String((await once(socket, 'data'))[0])).toContain('100 Continue')
    const startedAt = performance.now()
    const closed = gateway.close()
    socket.write(body)
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    await closed
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(answer).not.toContain('event: complete')
    await expect.poll(() => gateway.app.subscriptions()).toBe(0)
  })
})
