import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { changeRows } from '../support/database.ts'
import { order, startGateway, untilSettled, type TestGateway } from '../support/gateway.ts'
import { readMetrics } from '../support/metrics.ts'
import { webSocketUrl } from '../support/transports.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { callbackOfSuccess, recordOfSuccess, sendBody, startPlayedProvider } from '../support/played-provider.ts'

const madeId = /^[0-9a-f]{32}$/
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'

async function ask(gateway: TestGateway, headers: Record<string, string>, query = '{ __typename }') {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  })
  await response.arrayBuffer()
  return { requestId: response.headers.get('x-request-id'), traceparent: response.headers.get('traceparent') }
}

function linesOf({ logged }: TestGateway, event: string): readonly Record<string, unknown>[] {
  return logged.map((line): Record<string, unknown> => JSON.parse(line)).filter((line) => line['event'] === event)
}

test('an x-request-id is kept if it is a word, and replaced if not', async () => {
  const gateway = await startGateway()
  const kept = ['0b0e7a3c-6f6e-4c39-9c6e-0d3c6c1f7b10', 'Root=1-67891233-abcdef012345678912345678', 'aGVsbG8/+Zz09==']
  for (const given of kept) expect((await ask(gateway, { 'x-request-id': given })).requestId).toBe(given)
  const replaced = ['', 'two words', 'a","level":60,"msg":"b', 'ä', 'x'.repeat(129)]
  for (const given of replaced) expect((await ask(gateway, { 'x-request-id': given })).requestId).toMatch(madeId)
})

test('a request belongs to the trace of its traceparent if that is valid, else to a new one', async () => {
  const gateway = await startGateway()
  const answerTo = async (traceparent: string) => (await ask(gateway, { traceparent })).traceparent
  const answer = await answerTo(`00-${traceId}-${spanId}-01`)
  expect(answer).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
  expect(answer).not.toContain(spanId)
  const invalid = [
    `01-${traceId}-${spanId}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId}-${spanId}-01-more`,
    'trace',
  ]
  for (const given of invalid) {
    expect(await answerTo(given)).toMatch(new RegExp(`^00-(?!${traceId})[0-9a-f]{32}-[0-9a-f]{16}-00$`))
  }
})

test('every request has an id of its own, also if its answer was kept', async () => {
  const gateway = await startGateway()
  const taskId = await order(gateway, { audioId: 'done' })
  await untilSettled(gateway, taskId)
  const read = `{ separation(taskId: "${taskId}") { id status } }`
  const answers = []
  for (let i = 0; i < 5; i++) answers.push(await ask(gateway, {}, read))
  expect(await ask(gateway, { 'x-request-id': 'mine' }, read)).toMatchObject({ requestId: 'mine' })
  for (const of of ['requestId', 'traceparent'] as const) {
    expect(new Set(answers.map((answer) => answer[of])).size).toBe(answers.length)
  }
})

test('a stream over SSE has the id of its request', async () => {
  const gateway = await startGateway()
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', 'x-request-id': 'stream' },
    body: JSON.stringify({ query: `subscription { separationUpdated(taskId: "${newTaskId()}") { id } }` }),
  })
  expect(await response.text()).toContain('event: complete')
  expect(response.headers.get('x-request-id')).toBe('stream')
})

test('an internal error is logged with the id that its answer has', async () => {
  const gateway = await startGateway()
  const taskId = await order(gateway, { audioId: 'done' })
  await untilSettled(gateway, taskId)
  const read = `{ separation(taskId: "${taskId}") { id } }`
  // So that the document is known, and the second request takes the short way.
  await ask(gateway, {}, read)
  await changeRows(gateway, "update tasks set task = '{}' where id = ?", [taskId])
  for (const document of [read, `${read} # unknown`]) {
    const { requestId } = await ask(gateway, {}, document)
    const failed = gateway.logged.map((line) => JSON.parse(line)).filter((line) => line.requestId === requestId)
    expect(failed).toMatchObject([{ level: 'error', message: 'a GraphQL operation failed' }])
  }
})

test('a queued order that another gateway sends keeps the request that brought it', async () => {
  const provider = await startPlayedProvider()
  const first = await startGateway({ ...provider.environment, SUBMITS_PER_10_SECONDS: '1' })
  const inputs = '{ musicTaskId: "m", audioId: "one" }, { musicTaskId: "m", audioId: "two" }'
  await ask(first, { 'x-request-id': 'album' }, `mutation { separateAll(inputs: [${inputs}]) { index } }`)
  await first.close()
  const { SUBMITS_PER_10_SECONDS: _, ...environment } = first.environment
  const second = await startGateway(environment)
  const { headers } = await provider.order(1)
  expect(headers).toMatchObject({ 'x-request-id': 'album' })
  expect(linesOf(first, 'task.queued')).toMatchObject([{ requestId: 'album', to: 'QUEUED', charge: 'NONE' }])
  const [queued] = linesOf(first, 'task.queued')
  expect(linesOf(second, 'task.sent')).toMatchObject([
    { taskId: queued?.['taskId'], requestId: 'album', by: 'gateway', from: 'QUEUED', to: 'SENDING', charge: 'MAYBE' },
  ])
})

test('an order and its checks are sent with the request and the span of their caller', async () => {
  const provider = await startPlayedProvider()
  const reads: IncomingHttpHeaders[] = []
  provider.answerRead((response) => {
    reads.push(response.req.headers)
    sendBody(response, recordOfSuccess('provider-task-1'))
  })
  const gateway = await startGateway({ ...provider.environment, CHECK_INTERVAL_SECONDS: '1' })
  const traceparent = `00-${traceId}-${spanId}-01`
  const query = 'mutation { separate(input: { musicTaskId: "m", audioId: "one" }) { __typename } }'
  await ask(gateway, { 'x-request-id': 'mine', traceparent }, query)
  const { headers } = await provider.order(0)
  await provider.readTimes(1)
  for (const sent of [headers, reads[0]]) expect(sent).toMatchObject({ 'x-request-id': 'mine', traceparent })
})

test('the operations of a socket have ids that begin with that of its upgrade, and belong to its trace', async () => {
  const gateway = await startGateway()
  const headers = { 'x-request-id': 'socket', traceparent: `00-${traceId}-${spanId}-00` }
  let upgraded: unknown
  class TracedSocket extends WebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol, { headers })
      this.once('upgrade', (response) => (upgraded = response.headers))
    }
  }
  const client = gateway.connect({ webSocketImpl: TracedSocket, lazy: false })
  for (const audioId of ['done-1', 'done-2']) {
    const query = `mutation { separate(input: { musicTaskId: "m", audioId: "${audioId}" }) { __typename } }`
    for await (const { data } of client.iterate({ query })) expect(data).toMatchObject({ separate: expect.anything() })
  }
  expect(upgraded).toMatchObject({ 'x-request-id': 'socket', traceparent: expect.stringContaining(traceId) })
  const ordered = linesOf(gateway, 'task.ordered')
  expect(ordered.map(({ requestId }) => requestId)).toEqual(['socket.1', 'socket.2'])
  expect(ordered.map((line) => line['traceId'])).toEqual([traceId, traceId])
})

test('an order that is not stored is logged with its reason, and one that joins a task with both requests', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({
    ...provider.environment,
    SUBMITS_PER_10_SECONDS: '1',
    SUBMIT_WAIT_SECONDS: '0',
    SEPARATES_PER_MINUTE: '5',
  })
  const separate = (audioId: string, requestId: string, more = '') =>
    ask(
      gateway,
      { 'x-request-id': requestId },
      `mutation { separate(input: { musicTaskId: "m", audioId: "${audioId}" ${more} }) { __typename } }`,
    )
  await separate('one', 'first', 'idempotencyKey: "key"')
  await separate('one', 'again')
  await separate('other', 'same-key', 'idempotencyKey: "key"')
  await separate('two', 'too-many')
  await separate('', 'wrong')
  await separate('three', 'more-than-5')
  expect(linesOf(gateway, 'task.joined')).toMatchObject([{ requestId: 'first', byRequestId: 'again' }])
  expect(linesOf(gateway, 'order.refused')).toMatchObject([
    { reason: 'idempotency-conflict', requestId: 'first', byRequestId: 'same-key', taskId: expect.any(String) },
    { reason: 'rate-limited', owner: 'anonymous', provider: 'kie', requestId: 'too-many' },
    { reason: 'invalid-input', owner: 'anonymous', provider: 'kie', requestId: 'wrong' },
    { reason: 'rate-limited', owner: 'anonymous', provider: 'kie', requestId: 'more-than-5' },
  ])
})

test('requests beyond the rate of their caller leave a few lines in the log, over every transport', async () => {
  const gateway = await startGateway({ REQUESTS_PER_MINUTE: '2' })
  for (let i = 0; i < 20; i++) await ask(gateway, { 'x-request-id': `request-${i}` })
  const client = gateway.connect()
  await expect(client.iterate({ query: '{ __typename }' }).next()).rejects.toMatchObject([
    { extensions: { code: 'RATE_LIMITED' } },
  ])
  const lines = linesOf(gateway, 'request.refused')
  expect(lines.map(({ requestId }) => requestId)).toEqual([2, 3, 4, 5, 6].map((nth) => `request-${nth}`))
  expect(lines[0]).toMatchObject({
    level: 'info',
    reason: 'rate-limited',
    owner: 'anonymous',
    traceId: expect.stringMatching(madeId),
  })
})

test('the refusal of a WebSocket has the id of its request, and is logged and counted', async () => {
  const gateway = await startGateway({ SOCKETS_PER_ADDRESS: '1' })
  const url = webSocketUrl(gateway.url)
  const first = new WebSocket(url, 'graphql-transport-ws')
  await once(first, 'open')
  const headers = { 'x-request-id': 'second', traceparent: `00-${traceId}-${spanId}-01` }
  const second = new WebSocket(url, 'graphql-transport-ws', { headers })
  const [, response] = await once(second, 'unexpected-response')
  expect(response).toMatchObject({ statusCode: 403, headers: { 'x-request-id': 'second' } })
  expect(response.headers.traceparent).toMatch(new RegExp(`^00-${traceId}-(?!${spanId})[0-9a-f]{16}-01$`))
  response.destroy()
  const foreign = new WebSocket(url, 'graphql-transport-ws', { origin: 'https://other.example' })
  first.terminate()
  await once(first, 'close')
  await once(foreign, 'unexpected-response')
  expect(linesOf(gateway, 'socket.refused')[0]).toMatchObject({ reason: 'too-many', requestId: 'second', traceId })
  const metrics = await readMetrics(gateway.url)
  expect(metrics.value('stemgate_websocket_refusals_total')).toBe(2)
})

test('strangers and forgers leave a bounded number of lines in the log', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway(provider.environment)
  await order(gateway)
  const { callBackUrl } = (await provider.order(0)).body
  const before = gateway.logged.length
  for (let i = 0; i < 50; i++) {
    const forged = callBackUrl.replace(/[^/]*$/, 'x'.repeat(43))
    expect(await provider.callBack(forged, callbackOfSuccess(randomUUID()))).toBe(404)
    expect(await provider.callBack(callBackUrl, { nonsense: i })).toBe(200)
  }
  expect(linesOf(gateway, 'callback.refused')).toHaveLength(20)
  expect(linesOf(gateway, 'callback.saved')).toHaveLength(20)
  expect(gateway.logged.length - before).toBeLessThan(60)
})
