import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { StoreUnavailableError } from '../../src/separation/errors.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import type { Task } from '../../src/separation/task/task.ts'
import { openLine, type RawLine } from '../support/raw-line.ts'
import { pendingTask, succeededTask } from '../support/tasks.ts'
import { startWiredGateway, type WiredGateway } from '../support/wired-gateway.ts'

const watchStatus = 'subscription ($taskId: ID!) { separationUpdated(taskId: $taskId) { status revision } }'

interface RequestOptions {
  readonly accept?: string | null
  readonly version?: '1.0' | '1.1'
  readonly authorization?: string
}

/** A handwritten request. */
function requestFor(operation: object, options: RequestOptions = {}): string {
  const { accept = 'text/event-stream', version = '1.1', authorization } = options
  const body = JSON.stringify(operation)
  return [
    `POST /graphql HTTP/${version}`,
    'Host: localhost',
    'Content-Type: application/json',
    ...(accept === null ? [] : [`Accept: ${accept}`]),
    ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n')
}

function watch(taskId: string, options?: RequestOptions): string {
  return requestFor({ query: watchStatus, variables: { taskId } }, options)
}

function send(gateway: WiredGateway, request: string): RawLine {
  const line = openLine(gateway.url, onTestFinished)
  line.socket.write(request)
  return line
}

/** The headers that differ from answer to answer. */
const ownHeader = /^(Date|x-request-id|traceparent): /

/** What was received of an answer: its headers, apart from its own, and the chunks of its body. */
function partsOf(answer: string) {
  const end = answer.indexOf('\r\n\r\n')
  if (end < 0) return { head: [], chunks: [] }
  const head = answer
    .slice(0, end)
    .split('\r\n')
    .filter((line) => !ownHeader.test(line))
  const chunks: string[] = []
  for (let rest = answer.slice(end + 4); rest !== '';) {
    const [size = ''] = rest.split('\r\n', 1)
    const from = size.length + 2
    const length = Number.parseInt(size, 16)
    chunks.push(rest.slice(from, from + length))
    rest = rest.slice(from + length + 2)
  }
  return { head, chunks }
}

const headOf = (...lines: string[]) => [
  'HTTP/1.1 200 OK',
  'x-content-type-options: nosniff',
  'x-frame-options: DENY',
  'referrer-policy: no-referrer',
  'cross-origin-resource-policy: cross-origin',
  'cache-control: no-store',
  'content-type: text/event-stream',
  'content-encoding: none',
  ...lines,
]
const streamHead = headOf('Connection: keep-alive', 'Keep-Alive: timeout=5', 'Transfer-Encoding: chunked')
/** How long a test waits for what it expects, on a busy machine. */
const soon = { timeout: 10_000 }
const ping = ':\n\n'
const next = (result: string) => `event: next\ndata: ${result}\n\n`
const complete = 'event: complete\ndata:\n\n'
const stateOf = (status: string, revision: number) =>
  next(`{"data":{"separationUpdated":{"status":"${status}","revision":${revision}}}}`)
const unknown = next('{"data":{"separationUpdated":null}}')

function settled({ id, providerTaskId, owner }: Task, revision: number) {
  return succeededTask({ id, providerTaskId, owner, revision })
}

describe('the bytes of a stream', () => {
  test('are a comment, each state as an event in a chunk of its own, and the event `complete`', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    const lines = Array.from({ length: 3 }, () => send(gateway, watch(task.id)))
    const chunks = [ping, stateOf('PENDING', 1)]
    await expect.poll(() => lines.map(({ text }) => partsOf(text()).chunks), soon).toEqual(lines.map(() => chunks))
    await gateway.put({ ...task, revision: 2 })
    chunks.push(stateOf('PENDING', 2))
    await expect.poll(() => lines.map(({ text }) => partsOf(text()).chunks), soon).toEqual(lines.map(() => chunks))
    await gateway.put(settled(task, 3))
    chunks.push(stateOf('SUCCESS', 3), complete, '')
    await expect
      .poll(() => lines.map(({ text }) => partsOf(text())), soon)
      .toEqual(lines.map(() => ({ head: streamHead, chunks })))
    expect(gateway.subscriptions()).toBe(0)
  })

  test.each(['text/event-stream', '*/*', null, 'application/json, text/event-stream'])(
    'are the same for every client that accepts a stream (Accept: %s)',
    async (accept) => {
      const gateway = await startWiredGateway()
      const { text } = send(gateway, watch(newTaskId(), { accept }))
      await expect
        .poll(() => partsOf(text()), soon)
        .toEqual({ head: streamHead, chunks: [ping, unknown, complete, ''] })
    },
  )

  test('are not divided into chunks for HTTP/1.0, and end with the connection', async () => {
    const gateway = await startWiredGateway()
    const answer = await send(gateway, watch(newTaskId(), { version: '1.0' })).closed
    expect(answer.split('\r\n').filter((line) => !ownHeader.test(line))).toEqual([
      ...headOf('Connection: close'),
      '',
      ping + unknown + complete,
    ])
  })

  test.each([
    {
      what: 'the store is unavailable',
      error: new StoreUnavailableError('disk on fire'),
      result:
        '{"errors":[{"message":"The database is unavailable. Try again in a moment.","locations":[{"line":1,"column":31}],"path":["separationUpdated"],"extensions":{"code":"UNAVAILABLE"}}],"data":{"separationUpdated":null}}',
    },
    {
      what: 'the read fails otherwise',
      error: new Error('hunter2'),
      result:
        '{"errors":[{"message":"An internal error occurred. The gateway has logged it.","locations":[{"line":1,"column":31}],"path":["separationUpdated"],"extensions":{"code":"INTERNAL_SERVER_ERROR"}}],"data":{"separationUpdated":null}}',
    },
  ])('tell as the last result that $what', async ({ error, result }) => {
    const gateway = await startWiredGateway({ wrap: (store) => ({ ...store, find: () => Promise.reject(error) }) })
    const { text } = send(gateway, watch(newTaskId()))
    await expect
      .poll(() => partsOf(text()), soon)
      .toEqual({ head: streamHead, chunks: [ping, next(result), complete, ''] })
    expect(gateway.subscriptions()).toBe(0)
  })

  test('are few for a client that accepts no stream', async () => {
    const gateway = await startWiredGateway()
    const { text } = send(gateway, watch(newTaskId(), { accept: 'multipart/mixed' }))
    await expect.poll(() => partsOf(text()).head, soon).toContain('accept: text/event-stream')
    expect(text()).toMatch(/^HTTP\/1\.1 406 Not Acceptable\r\n/)
    await expect.poll(() => gateway.subscriptions(), soon).toBe(0)
  })
})

test('equal streams share one execution for each change, and streams of other callers do not', async () => {
  const executed = { revision: 0, times: 0 }
  const apiKeys = ['anna', 'ben'].map((name) => ({ name, key: `key-of-${name}` }))
  const gateway = await startWiredGateway({
    apiKeys,
    wrap: (store) => ({
      ...store,
      async find(ids) {
        const found = await store.find(ids)
        return found.map((task) => ({
          ...task,
          // The selection reads it once in each execution.
          get audioId() {
            executed.times += 1
            return task.audioId
          },
        }))
      },
    }),
  })
  const task = pendingTask({ owner: 'key:anna' })
  await gateway.put(task)
  const query = 'subscription ($taskId: ID!) { separationUpdated(taskId: $taskId) { audioId revision } }'
  const watchAs = (name: string, version: '1.0' | '1.1' = '1.1') =>
    send(
      gateway,
      requestFor({ query, variables: { taskId: task.id } }, { authorization: `Bearer key-of-${name}`, version }),
    )
  const lines = Array.from({ length: 20 }, (_, index) => watchAs('anna', index % 2 === 0 ? '1.0' : '1.1'))
  const others = watchAs('ben')
  await expect.poll(() => partsOf(others.text()).chunks, soon).toEqual([ping, unknown, complete, ''])
  await expect.poll(() => lines.every(({ text }) => text().includes('"revision":1}')), soon).toBe(true)
  for (let revision = 2; revision <= 4; revision++) {
    executed.times = 0
    await gateway.put({ ...task, revision })
    await expect.poll(() => lines.every(({ text }) => text().includes(`"revision":${revision}}`)), soon).toBe(true)
    expect(executed.times).toBe(1)
  }
})

test('streams that wait for an earlier one on their connection end with it', async () => {
  const gateway = await startWiredGateway()
  const task = pendingTask()
  await gateway.put(task)
  const { socket, text } = send(gateway, watch(task.id).repeat(3))
  await expect.poll(() => gateway.subscriptions(), soon).toBe(3)
  await expect.poll(() => partsOf(text()).chunks, soon).toEqual([ping, stateOf('PENDING', 1)])
  socket.destroy()
  await expect.poll(() => gateway.subscriptions(), soon).toBe(0)
})

test('streams on one connection are sent one after the other', async () => {
  const gateway = await startWiredGateway()
  const tasks = [pendingTask(), pendingTask()]
  for (const task of tasks) await gateway.put(task)
  const { text } = send(gateway, tasks.map(({ id }) => watch(id)).join(''))
  await expect.poll(() => gateway.subscriptions(), soon).toBe(2)
  // The second one ends first.
  for (const task of tasks.toReversed()) await gateway.put(settled(task, 2))
  await expect.poll(() => text().split(complete).length, soon).toBe(3)
  const [first = '', second = ''] = text()
    .split(/(?=HTTP\/1\.1 200 OK)/)
    .filter((answer) => answer !== '')
  expect(partsOf(first).chunks.at(-3)).toBe(stateOf('SUCCESS', 2))
  expect(partsOf(second).chunks.at(-3)).toBe(stateOf('SUCCESS', 2))
  expect(gateway.subscriptions()).toBe(0)
})

describe('an idle stream', () => {
  afterEach(() => void vi.useRealTimers())

  test('is sent a comment about every 12 seconds', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    const { text } = send(gateway, watch(task.id))
    const chunks = [ping, stateOf('PENDING', 1)]
    await expect.poll(() => partsOf(text()).chunks, soon).toEqual(chunks)
    for (let seconds = 12; seconds <= 36; seconds += 12) {
      vi.advanceTimersByTime(12_000)
      chunks.push(ping)
      await expect.poll(() => partsOf(text()).chunks, soon).toEqual(chunks)
    }
  })
})
