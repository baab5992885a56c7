import { createHmac } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Readable } from 'node:stream'
import { request } from 'undici'
import { describe, expect, test } from 'vitest'
import { createCallbackAddresses } from '../../src/separation/callback/callback-address.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { dueAtOf, lockDatabaseOf, openStoreOf } from '../support/database.ts'
import {
  order,
  someTrack,
  startGateway,
  storedTask,
  untilSettled,
  type Ending,
  type TestGateway,
} from '../support/gateway.ts'
import {
  accepted,
  callbackOfSuccess,
  recordOfSuccess,
  sendBody,
  startPlayedProvider,
  type Play,
  type PlayedProvider,
} from '../support/played-provider.ts'
import { canary } from '../support/canaries.ts'

const secret = `callback-secret-${canary}`
const webhookKey = `webhook-key-${canary}`
const pending = { code: 200, msg: 'success', data: { successFlag: 'PENDING' } }

async function start(environment: Record<string, string> = {}, atEnd?: Ending) {
  const provider = await startPlayedProvider(atEnd)
  const gateway = await startGateway({ ...provider.environment, CALLBACK_SECRET: secret, ...environment }, atEnd)
  const store = await openStoreOf(gateway, atEnd)
  return { provider, gateway, store }
}

/** Orders a new track; returns both ids and the callback address of the order. */
async function orderAnew(gateway: TestGateway, provider: PlayedProvider) {
  const nth = provider.orders.length
  const taskId = await order(gateway, { audioId: `audio-${nth}` })
  const { body } = await provider.order(nth)
  return { taskId, providerTaskId: `provider-task-${nth + 1}`, callbackUrl: body.callBackUrl }
}

/** Sets how record-info answers, for each provider id. */
function answerReads(provider: PlayedProvider, plays: Readonly<Record<string, Play>>): void {
  provider.answerRead((response, nth) => {
    const how = plays[provider.reads.at(-1) ?? ''] ?? pending
    if (typeof how === 'function') how(response, nth)
    else sendBody(response, how)
  })
}

const urlOf = (allStems: readonly { part: string; url: string }[], part: string) =>
  allStems.find((stem) => stem.part === part)?.url

describe('a callback', () => {
  test('is stored before it is answered; afterwards the result of record-info counts', async () => {
    const { provider, gateway, store } = await start()
    const { taskId, providerTaskId, callbackUrl } = await orderAnew(gateway, provider)
    const held: ServerResponse[] = []
    provider.answerRead((response) => held.push(response))

    const calledAt = performance.now()
    expect(await provider.callBack(callbackUrl, callbackOfSuccess(providerTaskId))).toBe(200)
    expect(performance.now() - calledAt).toBeLessThan(2_000)
    expect(await store.savedCallbacks(taskId)).toMatchObject([{ report: { by: 'callback', providerTaskId } }])

    await provider.readTimes(1)
    const settled = untilSettled(gateway, taskId)
    for (const response of held) sendBody(response, recordOfSuccess(providerTaskId))
    const { status, allStems } = await settled
    expect(status).toBe('SUCCESS')
    expect(urlOf(allStems, 'VOCAL')).toBe('https://files.example/vocal.mp3')
    expect(urlOf(allStems, 'INSTRUMENTAL')).toBe('https://files.example/instrumental.mp3')
    await untilAtRest(gateway, taskId)
    expect(await store.savedCallbacks(taskId)).toEqual([])
    expect(provider.reads).toEqual([providerTaskId])
  })

  test('that is doubled changes a task once', async () => {
    const { provider, gateway, store } = await start()
    const { taskId, providerTaskId, callbackUrl } = await orderAnew(gateway, provider)
    provider.answerRead(recordOfSuccess(providerTaskId))
    const both = [1, 2].map(() => provider.callBack(callbackUrl, callbackOfSuccess(providerTaskId)))
    expect(await Promise.all(both)).toEqual([200, 200])
    await untilSettled(gateway, taskId)
    await untilAtRest(gateway, taskId)
    const before = await storedTask(store, taskId)
    const reads = provider.reads.length

    expect(await provider.callBack(callbackUrl, callbackOfSuccess(providerTaskId))).toBe(200)
    await provider.readTimes(reads + 1)
    await untilAtRest(gateway, taskId)
    expect(await storedTask(store, taskId)).toEqual(before)
  })

  test('that reports a failure triggers the check that finds the cause', async () => {
    const { provider, gateway } = await start()
    const { taskId, providerTaskId, callbackUrl } = await orderAnew(gateway, provider)
    const failure = { successFlag: 'CREATE_TASK_FAILED', response: null, errorCode: 501, errorMessage: 'bad song' }
    provider.answerRead(recordOfSuccess(providerTaskId, failure))
    await provider.callBack(callbackUrl, { code: 501, msg: 'failed', data: { task_id: providerTaskId } })
    expect(await untilSettled(gateway, taskId)).toMatchObject({ settled: true, stems: null, charge: 'CHARGED' })
  })

  test('that reports a failure yields to the audio of record-info', async () => {
    const { provider, gateway } = await start()
    const { taskId, providerTaskId, callbackUrl } = await orderAnew(gateway, provider)
    provider.answerRead(recordOfSuccess(providerTaskId, { successFlag: 'CALLBACK_EXCEPTION' }))
    await provider.callBack(callbackUrl, { code: 500, msg: 'failed', data: { task_id: providerTaskId } })
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
  })
})

test.concurrent(
  'the payload of a callback counts after a few seconds without an answer from record-info',
  async ({ onTestFinished }) => {
    const { provider, gateway, store } = await start({ READS_PER_SECOND: '1000' }, onTestFinished)
    const unreadable = await orderAnew(gateway, provider)
    const lagging = await orderAnew(gateway, provider)
    const hanging = await orderAnew(gateway, provider)
    const failing = await orderAnew(gateway, provider)
    const empty = await orderAnew(gateway, provider)
    provider.answerSubmit((response) => response.destroy())
    const lost = await orderAnew(gateway, provider)
    answerReads(provider, {
      [unreadable.providerTaskId]: (response: ServerResponse) => response.writeHead(500).end('<html>'),
      [hanging.providerTaskId]: () => {},
      [lost.providerTaskId]: { code: 200, msg: 'success', data: null },
    })
    const calledAt = performance.now()
    const all = [unreadable, lagging, hanging, lost]
    for (const { callbackUrl, providerTaskId } of all) {
      expect(await provider.callBack(callbackUrl, callbackOfSuccess(providerTaskId))).toBe(200)
    }
    const failure = { code: 500, msg: 'Internal Error', data: { task_id: failing.providerTaskId } }
    expect(await provider.callBack(failing.callbackUrl, failure)).toBe(200)
    const nothing = { code: 200, msg: 'success', data: { task_id: empty.providerTaskId, vocal_separation_info: null } }
    expect(await provider.callBack(empty.callbackUrl, nothing)).toBe(200)

    const settled = await Promise.all(
      all.map(async ({ taskId }) => {
        const last = await untilSettled(gateway, taskId)
        return { last, afterMs: performance.now() - calledAt }
      }),
    )
    for (const { last, afterMs } of settled) {
      expect(afterMs).toBeGreaterThan(3_900)
      expect(afterMs).toBeLessThan(7_500)
      expect(last).toMatchObject({ status: 'SUCCESS', failure: null })
    }
    for (const { last } of settled) {
      expect(urlOf(last.allStems, 'VOCAL')).toBe('https://files.example/callback-vocal.mp3')
    }
    // Its payload settles the task but does not bind it.
    expect(await storedTask(store, lost.taskId)).toMatchObject({ providerTaskId: null, charge: 'CHARGED' })
    // A callback without audio does not settle the task: record-info may know more.
    expect(await storedTask(store, empty.taskId)).toMatchObject({ state: 'pending', charge: 'CHARGED' })
    // Nor does one that reports a failure: the provider may still be working.
    expect(await storedTask(store, failing.taskId)).toMatchObject({ state: 'pending' })

    await provider.die()
  },
)

describe('a request that is not a valid callback', () => {
  test('gets the same bytes at every unknown address, whatever is wrong with it', async () => {
    const { provider, gateway } = await start()
    const { taskId, callbackUrl } = await orderAnew(gateway, provider)
    const addresses = createCallbackAddresses({ publicUrl: () => gateway.url, secrets: () => [secret] })
    const token = callbackUrl.split('/').at(-1)?.split('.')[0] ?? ''
    const task = { id: taskId, provider: 'kie', owner: 'anonymous', type: 'separate_vocal', ...someTrack } as const
    const forOthers = createCallbackAddresses({
      publicUrl: () => gateway.url,
      secrets: () => [`another-callback-secret-${canary}`],
    })
    const urls = [
      addresses.urlOf({ ...task, provider: 'apikley' }).replace('/apikley/', '/kie/'),
      forOthers.urlOf(task),
      callbackUrl.replace(token, 'x'.repeat(43)),
      callbackUrl.replace(token, 'short'),
      callbackUrl.replace(token, `${token}x`),
      callbackUrl.replace('/kie/', '/apikley/'),
      callbackUrl.replace(taskId, newTaskId()),
      callbackUrl.replace('/kie/', '/nobody/'),
    ]
    const answers = new Set<string>()
    for (const url of urls) answers.add(await rawAnswer(url, callbackOfSuccess('provider-task-1')))
    expect([...answers]).toEqual([expect.stringMatching(/^HTTP\/1.1 404 /)])
    expect(provider.reads).toEqual([])
  })

  test('is refused if it is not JSON, too large or sent with another method', async () => {
    const { provider, gateway, store } = await start()
    const { taskId, callbackUrl } = await orderAnew(gateway, provider)
    const post = (body: string | Readable) =>
      request(callbackUrl, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    const large = JSON.stringify({ ...callbackOfSuccess('provider-task-1'), more: 'x'.repeat(256 * 1024) })
    expect((await post('{"code": 200')).statusCode).toBe(400)
    expect((await post('')).statusCode).toBe(400)
    expect((await post(large)).statusCode).toBe(413)
    // Without a content-length.
    expect((await post(Readable.from([large.slice(0, 100_000), large.slice(100_000)]))).statusCode).toBe(413)
    const got = await fetch(callbackUrl)
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST'])
    expect((await fetch(callbackUrl, { method: 'PUT', body: '{}' })).status).toBe(405)
    expect(await store.savedCallbacks(taskId)).toEqual([])
    expect(provider.reads).toEqual([])
  })
})

test('a callback during a store outage is answered with 503; other requests continue and nothing is lost', async () => {
  const { provider, gateway, store } = await start()
  const { taskId, providerTaskId, callbackUrl } = await orderAnew(gateway, provider)
  provider.answerRead(recordOfSuccess(providerTaskId))
  const unlock = await lockDatabaseOf(gateway)
  let isOver = false
  const calledAt = performance.now()
  const answered = provider.callBack(callbackUrl, callbackOfSuccess(providerTaskId)).finally(() => (isOver = true))
  let slowestMs = 0
  for (let count = 0; !isOver; count++) {
    const askedAt = performance.now()
    expect((await fetch(`${gateway.url}/health/live`)).status).toBe(200)
    slowestMs = Math.max(slowestMs, performance.now() - askedAt)
    await sleep(20)
  }
  expect(await answered).toBe(503)
  expect(performance.now() - calledAt).toBeLessThan(10_000)
  expect(slowestMs).toBeLessThan(500)
  expect(await store.savedCallbacks(taskId)).toEqual([])

  await unlock()
  expect(await provider.callBack(callbackUrl, callbackOfSuccess(providerTaskId))).toBe(200)
  expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
})

describe('an order whose answer was lost', () => {
  test.each([
    ['echoes our callback address', true],
    ['echoes no address', false],
  ])('is bound by its callback if record-info %s', async (_name, isEchoed) => {
    const { provider, gateway, store } = await start()
    provider.answerSubmit((response) => response.destroy())
    const { taskId, callbackUrl } = await orderAnew(gateway, provider)
    expect(await storedTask(store, taskId)).toMatchObject({ providerTaskId: null, charge: 'MAYBE' })
    provider.answerRead(recordOfSuccess('lost-task', { callbackUrl: isEchoed ? callbackUrl : null }))
    await provider.callBack(callbackUrl, callbackOfSuccess('lost-task'))
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS', charge: 'CHARGED' })
    expect(await storedTask(store, taskId)).toMatchObject({ providerTaskId: 'lost-task' })
  })
})

test.concurrent(
  'an order that is confirmed while its callback is processed is not reported as unconfirmed',
  async ({ onTestFinished }) => {
    const { provider, gateway, store } = await start(
      { UNCONFIRMED_AFTER_SECONDS: '0.2', SUBMIT_TIMEOUT_SECONDS: '0.1' },
      onTestFinished,
    )
    const submits: ServerResponse[] = []
    const reads: ServerResponse[] = []
    provider.answerSubmit((response) => submits.push(response))
    provider.answerRead((response) => reads.push(response))
    const { taskId, callbackUrl } = await orderAnew(gateway, provider)
    await provider.callBack(callbackUrl, callbackOfSuccess('slow-task'))
    await provider.readTimes(1)
    await sleep(200)
    for (const response of submits) sendBody(response, accepted('slow-task'))
    while ((await storedTask(store, taskId)).providerTaskId === null) await sleep(5)

    provider.answerRead(pending)
    for (const response of reads) sendBody(response, { code: 500, msg: 'not now', data: null })
    await provider.readTimes(2)
    expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending', charge: 'CHARGED' })
  },
)

test.concurrent(
  "a callback that names another order's task changes neither task and is not checked forever",
  async ({ onTestFinished }) => {
    const { provider, gateway, store } = await start({}, onTestFinished)
    const one = await orderAnew(gateway, provider)
    const other = await orderAnew(gateway, provider)
    provider.answerSubmit((response) => response.destroy())
    const lost = await orderAnew(gateway, provider)
    // The id belongs to the other order, as the echoed address shows.
    answerReads(provider, { mistaken: recordOfSuccess('mistaken', { callbackUrl: other.callbackUrl }) })
    const tasks = () => Promise.all([one, other, lost].map(({ taskId }) => storedTask(store, taskId)))
    const before = await tasks()

    for (let called = 0; called < 2; called++) {
      expect(await provider.callBack(one.callbackUrl, callbackOfSuccess(other.providerTaskId))).toBe(200)
      expect(await provider.callBack(lost.callbackUrl, callbackOfSuccess('mistaken'))).toBe(200)
    }
    // A callback has a grace period of 4 s; a task that is checked because of its payload is checked once a second.
    await sleep(5_500)
    expect(await tasks()).toEqual(before)

    expect(provider.reads.length).toBeLessThanOrEqual(8)
  },
)

test.concurrent(
  'with a webhook key, the payload counts only if the callback is signed; an unsigned callback triggers a check',
  async ({ onTestFinished }) => {
    const { provider, gateway, store } = await start(
      { KIE_WEBHOOK_KEY: `older-${webhookKey},${webhookKey}` },
      onTestFinished,
    )
    const headersOf = (providerTaskId: string, key: string, atMs = Date.now()) => {
      const timestamp = String(Math.floor(atMs / 1000))
      const signature = createHmac('sha256', key).update(`${providerTaskId}.${timestamp}`).digest('base64')
      return { 'x-webhook-timestamp': timestamp, 'x-webhook-signature': signature }
    }
    const right = await orderAnew(gateway, provider)
    const wrong = await orderAnew(gateway, provider)
    const stale = await orderAnew(gateway, provider)
    const early = await orderAnew(gateway, provider)
    const missing = await orderAnew(gateway, provider)
    const calls = [
      [right, headersOf(right.providerTaskId, webhookKey)],
      [wrong, headersOf(wrong.providerTaskId, `another-webhook-key-${canary}`)],
      [stale, headersOf(stale.providerTaskId, webhookKey, Date.now() - 3_600_000)],
      [early, headersOf(early.providerTaskId, webhookKey, Date.now() + 3_600_000)],
      [missing, {}],
    ] as const
    for (const [{ callbackUrl, providerTaskId }, headers] of calls) {
      expect(await provider.callBack(callbackUrl, callbackOfSuccess(providerTaskId), headers)).toBe(200)
    }
    await provider.readTimes(5)
    expect(new Set(provider.reads)).toEqual(new Set(calls.map(([{ providerTaskId }]) => providerTaskId)))
    expect(await untilSettled(gateway, right.taskId)).toMatchObject({ status: 'SUCCESS' })
    for (const { taskId } of [wrong, stale, early, missing]) {
      expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending' })
    }

    // Each of them still triggers the check that reads record-info.
    const woken = calls.filter(([{ taskId }]) => taskId !== right.taskId)
    answerReads(
      provider,
      Object.fromEntries(woken.map(([{ providerTaskId }]) => [providerTaskId, recordOfSuccess(providerTaskId)])),
    )
    for (const [{ taskId, callbackUrl, providerTaskId }, headers] of woken) {
      expect(await provider.callBack(callbackUrl, callbackOfSuccess(providerTaskId), headers)).toBe(200)
      const { allStems } = await untilSettled(gateway, taskId)
      expect(urlOf(allStems, 'VOCAL')).toBe('https://files.example/vocal.mp3')
    }
  },
)

/** Resolves when the task has no further check scheduled. */
async function untilAtRest(gateway: TestGateway, taskId: string): Promise<void> {
  while ((await dueAtOf(gateway, taskId)) !== null) await sleep(10)
}

/** The raw response without its date. */
async function rawAnswer(url: string, body: unknown): Promise<string> {
  const { hostname, port, pathname } = new URL(url)
  const text = JSON.stringify(body)
  const socket = connect(Number(port), hostname)
  // Keep our side open: Node drops a request whose client has ended the connection.
  socket.write(
    `POST ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
  )
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer.replace(/^(date|x-request-id|traceparent): .*\r\n/gim, '')
}
