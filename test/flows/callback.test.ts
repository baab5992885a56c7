import { createHmac } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Readable } from 'node:stream'
import { request } from 'undici'
import { describe, expect, test } from 'vitest'
import { createCallbackAddresses } from '../../src/separation/callback/callback-address.ts'
import { newTaskId } from '../../src/separation/task-id.ts'
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

/** Orders a track of its own; tells both ids and the address at which the order is called back. */
async function orderAnew(gateway: TestGateway, provider: PlayedProvider) {
  const nth = provider.orders.length
  const taskId = await order(gateway, { audioId: `audio-${nth}` })
  const { body } = await provider.order(nth)
  return { taskId, providerTaskId: `provider-task-${nth + 1}`, callbackUrl: body.callBackUrl }
}

/** Says how record-info is answered, for each provider's id. */
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
  test("is stored before it is answered, and then record-info's words win", async () => {
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

  test('changes nothing when it comes again', async () => {
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

  test('that tells of a failure wakes the check that says why', async () => {
    const { provider, gateway } = await start()
    const { taskId, providerTaskId, callbackUrl } = await orderAnew(gateway, provider)
    const failure = { successFlag: 'CREATE_TASK_FAILED', response: null, errorCode: 501, errorMessage: 'bad song' }
    provider.answerRead(recordOfSuccess(providerTaskId, failure))
    await provider.callBack(callbackUrl, { code: 501, msg: 'failed', data: { task_id: providerTaskId } })
    expect(await untilSettled(gateway, taskId)).toMatchObject({ settled: true, stems: null, charge: 'CHARGED' })
  })

  test('of a failure gives way to the audio that record-info has', async () => {
    const { provider, gateway } = await start()
    const { taskId, providerTaskId, callbackUrl } = await orderAnew(gateway, provider)
    provider.answerRead(recordOfSuccess(providerTaskId, { successFlag: 'CALLBACK_EXCEPTION' }))
    await provider.callBack(callbackUrl, { code: 500, msg: 'failed', data: { task_id: providerTaskId } })
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
  })
})

test.concurrent(
  'its own words count after some seconds in which record-info says nothing',
  async ({ onTestFinished }) => {
    const { provider, gateway, store } = await start({}, onTestFinished)
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
    // Its words settle it and bind it to nothing.
    expect(await storedTask(store, lost.taskId)).toMatchObject({ providerTaskId: null, charge: 'CHARGED' })
    // A callback that names no audio is no end: record-info may know more.
    expect(await storedTask(store, empty.taskId)).toMatchObject({ state: 'pending', charge: 'CHARGED' })
    // Nor is one that reports a failure: the provider may be at work still.
    expect(await storedTask(store, failing.taskId)).toMatchObject({ state: 'pending' })

    await provider.die()
  },
)

describe('what is no callback of ours', () => {
  test('at an address that nobody made is answered with the same bytes, whatever is wrong with it', async () => {
    const { provider, gateway } = await start()
    const { taskId, callbackUrl } = await orderAnew(gateway, provider)
    const addresses = createCallbackAddresses({ publicUrl: () => gateway.url, secrets: [secret] })
    const token = callbackUrl.split('/').at(-1)?.split('.')[0] ?? ''
    const task = { id: taskId, provider: 'kie', owner: 'anonymous', type: 'separate_vocal', ...someTrack } as const
    const forOthers = createCallbackAddresses({
      publicUrl: () => gateway.url,
      secrets: [`another-callback-secret-${canary}`],
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

  test('is refused where it is not JSON, too large, or comes by another method', async () => {
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

test('while the store cannot take it, it is answered with 503, nothing else stands still, and nothing is lost', async () => {
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
    ['echoes our own address', true],
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
  'an order that is confirmed while its callback is looked into is not called unconfirmed',
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
  "a callback that names another's task changes nothing of either and is not asked about for ever",
  async ({ onTestFinished }) => {
    const { provider, gateway, store } = await start({}, onTestFinished)
    const one = await orderAnew(gateway, provider)
    const other = await orderAnew(gateway, provider)
    provider.answerSubmit((response) => response.destroy())
    const lost = await orderAnew(gateway, provider)
    // The id that is named is of the other order, as its echo says.
    answerReads(provider, { mistaken: recordOfSuccess('mistaken', { callbackUrl: other.callbackUrl }) })
    const tasks = () => Promise.all([one, other, lost].map(({ taskId }) => storedTask(store, taskId)))
    const before = await tasks()

    for (let called = 0; called < 2; called++) {
      expect(await provider.callBack(one.callbackUrl, callbackOfSuccess(other.providerTaskId))).toBe(200)
      expect(await provider.callBack(lost.callbackUrl, callbackOfSuccess('mistaken'))).toBe(200)
    }
    // The grace of a callback is four seconds; a task that is asked for because of its words is asked about once a second.
    await sleep(5_500)
    expect(await tasks()).toEqual(before)

    expect(provider.reads.length).toBeLessThanOrEqual(8)
  },
)

test.concurrent(
  'with a webhook key only a signed callback is taken at its word; any other wakes a check',
  async ({ onTestFinished }) => {
    const { provider, gateway, store } = await start({ KIE_WEBHOOK_KEY: webhookKey }, onTestFinished)
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

    // Each of them still wakes the check by which record-info itself is heard.
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

/** Resolves when the task is not to be asked for any more. */
async function untilAtRest(gateway: TestGateway, taskId: string): Promise<void> {
  while ((await dueAtOf(gateway, taskId)) !== null) await sleep(10)
}

/** The whole answer as it comes over the line, but for its date. */
async function rawAnswer(url: string, body: unknown): Promise<string> {
  const { hostname, port, pathname } = new URL(url)
  const text = JSON.stringify(body)
  const socket = connect(Number(port), hostname)
  // Its side stays open: Node gives up a request whose client has ended it.
  socket.write(
    `POST ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
  )
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer.replace(/^date: .*\r\n/im, '')
}
