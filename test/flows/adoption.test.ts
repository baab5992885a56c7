import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { ReadDocument, WatchDocument } from '../../schema/operations.ts'
import { createCallbackAddresses } from '../../src/separation/callback/callback-address.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { openStoreOf } from '../support/database.ts'
import {
  acceptedTask,
  collect,
  order,
  someTrack,
  startCore,
  startGateway,
  storedTask,
  storedTasks,
} from '../support/gateway.ts'
import { recordOfSuccess, sendBody, startPlayedProvider } from '../support/played-provider.ts'
import { canary } from '../support/canaries.ts'

const unknown = { code: 200, msg: 'success', data: null }
const echoOf = (callbackUrl: string) => ({ callbackUrl })

async function start(environment: Record<string, string> = {}) {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, ...environment })
  const store = await openStoreOf(gateway)
  const read = async (taskId: string) => {
    const { data, errors } = await gateway.send(ReadDocument, { taskId })
    if (errors !== undefined) throw new Error(JSON.stringify(errors))
    return data?.separation ?? null
  }
  return { provider, gateway, store, read }
}

describe('a task created outside the gateway', () => {
  test('that has finished is read once and belongs to the caller from then on', async () => {
    const { provider, store, read } = await start()
    const completeTime = Date.now() - 60_000
    provider.answerRead(
      recordOfSuccess('outside', {
        callbackUrl: 'https://elsewhere.example/hook',
        createTime: completeTime - 60_000,
        completeTime,
      }),
    )
    const task = await read('outside')
    expect(task).toMatchObject({
      id: expect.stringMatching(/^sep_/),
      status: 'SUCCESS',
      type: 'SEPARATE_VOCAL',
      charge: 'CHARGED',
      audioId: 'audio-1',
      completedAt: new Date(completeTime).toISOString(),
      createdAt: new Date(completeTime - 60_000).toISOString(),
    })
    expect(await read('outside')).toEqual(task)
    expect(await read(task?.id ?? '')).toEqual(task)
    expect(await storedTasks(store)).toMatchObject([{ id: task?.id, providerTaskId: 'outside', owner: 'anonymous' }])
    expect(provider.reads).toEqual(['outside'])
  })

  test('that is pending is checked like any other task', async () => {
    const { provider, gateway } = await start({ CHECK_INTERVAL_SECONDS: '0.2' })
    provider.answerRead((response, nth) =>
      sendBody(response, recordOfSuccess('outside', nth < 3 ? { successFlag: 'PENDING', response: null } : {})),
    )
    const report = await collect(gateway.connect(), WatchDocument, { taskId: 'outside' })
    expect(report.at(0)?.separationUpdated).toMatchObject({ status: 'PENDING', type: null })
    expect(report.at(-1)?.separationUpdated).toMatchObject({ status: 'SUCCESS', type: 'SEPARATE_VOCAL' })
    expect(provider.reads).toEqual(['outside', 'outside', 'outside'])
  })

  test('is read once for concurrent lookups', async () => {
    const { provider, read, store } = await start()
    const held: ServerResponse[] = []
    provider.answerRead((response) => held.push(response))
    const asking = Array.from({ length: 10 }, () => read('outside'))
    await provider.readTimes(1)
    // A lookup during the read waits for the same answer.
    asking.push(read('outside'))
    for (const response of held) sendBody(response, recordOfSuccess('outside'))
    provider.answerRead(recordOfSuccess('outside'))
    const ids = new Set((await Promise.all(asking)).map((task) => task?.id))
    expect(ids.size).toBe(1)
    expect(await storedTasks(store)).toHaveLength(1)
    expect(provider.reads).toEqual(['outside'])
  })

  test('is read from the provider that the query names', async () => {
    const other = await startPlayedProvider()
    const { provider, gateway } = await start({ APIKLEY_API_KEY: `apikley-key-${canary}`, APIKLEY_BASE_URL: other.url })
    other.answerRead(recordOfSuccess('outside'))
    provider.answerRead(unknown)
    const { data } = await gateway.send(ReadDocument, { taskId: 'outside', provider: 'APIKLEY' })
    expect(data?.separation).toMatchObject({ provider: 'APIKLEY' })
    expect(await gateway.send(ReadDocument, { taskId: 'outside' })).toEqual({ data: { separation: null } })
    // The other provider is disabled.
    expect(await gateway.send(ReadDocument, { taskId: 'outside', provider: 'SUNOAPI' })).toMatchObject({
      data: { separation: null },
      errors: [{ extensions: { code: 'BAD_USER_INPUT' } }],
    })
    expect([provider.reads, other.reads]).toEqual([['outside'], ['outside']])
  })
})

describe('a task of another caller', () => {
  test('looks like an unknown id: the provider is read once, then not again for a while', async () => {
    const provider = await startPlayedProvider()
    const { separations, store } = await startCore(provider)
    provider.answerRead(recordOfSuccess('outside'))
    const ref = { taskId: 'outside', provider: null }
    const [adopted = null] = await separations.find('key:one', [ref])
    expect(adopted).toMatchObject({ owner: 'key:one', providerTaskId: 'outside' })
    expect(await separations.find('key:two', [ref])).toEqual([null])
    expect(await separations.find('key:two', [ref])).toEqual([null])
    const id = adopted !== null && 'id' in adopted ? adopted.id : ''
    expect(await separations.find('key:two', [{ taskId: id, provider: null }])).toEqual([null])
    expect(await storedTasks(store, 'key:two')).toEqual([])
    expect(provider.reads).toEqual(['outside', 'outside'])
  })

  test('belongs to one of two callers who look it up at the same time', async () => {
    const provider = await startPlayedProvider()
    const { separations, store } = await startCore(provider)
    provider.answerRead(recordOfSuccess('outside'))
    const ref = { taskId: 'outside', provider: null }
    const owners = ['key:one', 'key:two']
    const found = (await Promise.all(owners.map((owner) => separations.find(owner, [ref])))).flat()
    expect(found.filter((each) => each === null)).toHaveLength(1)
    const stored = await Promise.all(owners.map((owner) => storedTasks(store, owner)))
    expect(stored.flat()).toHaveLength(1)
    expect(found.filter((each) => each !== null)).toMatchObject([{ owner: stored.flat()[0]?.owner }])
  })

  test('is bound by the callback address that record-info echoes, and stays unknown to the other caller', async () => {
    const provider = await startPlayedProvider()
    const { separations, store } = await startCore(provider)
    provider.answerSubmit((response) => response.destroy())
    const task = acceptedTask(
      await separations.separate('key:one', {
        ...someTrack,
        type: 'separate_vocal',
        provider: null,
        idempotencyKey: null,
        force: false,
      }),
    )
    const { body } = await provider.order(0)
    provider.answerRead(recordOfSuccess('lost-task', echoOf(body.callBackUrl)))
    expect(await separations.find('key:two', [{ taskId: 'lost-task', provider: null }])).toEqual([null])
    expect(await storedTask(store, task.id)).toMatchObject({ state: 'succeeded', providerTaskId: 'lost-task' })
    expect(await storedTasks(store, 'key:two')).toEqual([])
  })
})

describe('when record-info echoes one of our callback addresses', () => {
  test('an order without an answer is bound', async () => {
    const { provider, gateway, store, read } = await start()
    provider.answerSubmit((response) => response.destroy())
    const taskId = await order(gateway)
    const { body } = await provider.order(0)
    provider.answerRead(recordOfSuccess('lost-task', echoOf(body.callBackUrl)))
    expect(await read('lost-task')).toMatchObject({ id: taskId, status: 'SUCCESS', charge: 'CHARGED' })
    expect(await storedTasks(store)).toMatchObject([{ id: taskId, providerTaskId: 'lost-task' }])
  })

  test('a task that is missing from the store is adopted if the address does not identify its order', async () => {
    const secret = `callback-secret-${canary}`
    const { provider, read } = await start({ CALLBACK_SECRET: secret })
    const addresses = createCallbackAddresses({ publicUrl: () => 'https://old.example', secrets: () => [secret] })
    const url = addresses.urlOf({ id: newTaskId(), provider: 'kie', owner: 'key:gone', type: null, ...someTrack })
    provider.answerRead(recordOfSuccess('restored', echoOf(url.replace(/\.[\w-]+$/, ''))))
    expect(await read('restored')).toMatchObject({ status: 'SUCCESS' })
  })

  test('an order that is bound to another id is not returned', async () => {
    const { provider, gateway, store, read } = await start()
    const taskId = await order(gateway)
    const { body } = await provider.order(0)
    provider.answerRead(recordOfSuccess('strange', echoOf(body.callBackUrl)))
    expect(await read('strange')).toBeNull()
    expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending', providerTaskId: 'provider-task-1' })
    expect(await storedTasks(store)).toHaveLength(1)
  })
})

describe('an unknown id', () => {
  test('returns null and is not read again', async () => {
    const { provider, read, store } = await start()
    provider.answerRead(unknown)
    expect(await read('nothing')).toBeNull()
    expect(await read('nothing')).toBeNull()
    expect(provider.reads).toEqual(['nothing'])
    expect(await storedTasks(store)).toEqual([])
  })

  test.each([
    ['nothing', ''],
    ['a space', 'a b'],
    ['a path', '../secrets'],
    ['a query', 'a?b=c&d'],
    ['a letter that is not ASCII', 'stück'],
    ['a line', 'a\nb'],
    ['more than a kilobyte', 'a'.repeat(1_025)],
    ['the form of ours', newTaskId()],
  ])('is null without a question if it is %s', async (_name, taskId) => {
    const { provider, read } = await start()
    expect(await read(taskId)).toBeNull()
    expect(provider.reads).toEqual([])
  })

  test.each([
    ['is down', (response: ServerResponse) => response.destroy()],
    ['answers with an error', { code: 500, msg: 'Server Error', data: null }],
    ['says that there were too many questions', { code: 429, msg: 'slow down', data: null }],
    ['does not accept our key', { code: 401, msg: 'Unauthorized', data: null }],
  ])('is UNAVAILABLE, and asked for again later, if the provider %s', async (_name, play) => {
    const { provider, gateway, read } = await start()
    provider.answerRead(play)
    const { data, errors } = await gateway.send(ReadDocument, { taskId: 'outside' })
    expect(data).toEqual({ separation: null })
    expect(errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' }, message: expect.stringContaining('later') }])
    provider.answerRead(recordOfSuccess('outside'))
    expect(await read('outside')).toMatchObject({ status: 'SUCCESS' })
  })

  test('can be looked up 30 times a minute per caller; existing tasks do not count', async () => {
    const { provider, gateway, read } = await start({ READS_PER_SECOND: '1000' })
    provider.answerRead((response) => {
      const id = provider.reads.at(-1) ?? ''
      sendBody(response, id.startsWith('there') ? recordOfSuccess(id) : unknown)
    })
    for (let index = 0; index < 35; index++) expect(await read(`there-${index}`)).not.toBeNull()
    for (let index = 0; index < 30; index++) expect(await read(`nothing-${index}`)).toBeNull()
    const { errors } = await gateway.send(ReadDocument, { taskId: 'nothing-30' })
    expect(errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED', retryAfterSeconds: expect.any(Number) } }])
    expect(provider.reads).toHaveLength(65)
    // A known task needs no read.
    expect(await read('there-1')).not.toBeNull()
    expect(await read('nothing-1')).toBeNull()
  })

  test('is looked up again for another caller, who may find the task', async () => {
    const provider = await startPlayedProvider()
    const { separations } = await startCore(provider)
    const ref = { taskId: 'later', provider: null }
    provider.answerRead(unknown)
    expect(await separations.find('key:one', [ref])).toEqual([null])
    provider.answerRead(recordOfSuccess('later'))
    expect(await separations.find('key:two', [ref])).toMatchObject([{ owner: 'key:two' }])
    expect(await separations.find('key:one', [ref])).toEqual([null])
    expect(provider.reads).toEqual(['later', 'later'])
  })
})

test('64 tasks created outside the gateway are all adopted when one caller looks them up at once', async () => {
  const { provider, read } = await start({ READS_PER_SECOND: '1000' })
  provider.answerRead(async (response, nth) => sendBody(response, recordOfSuccess(provider.reads[nth - 1] ?? '')))
  const tasks = await Promise.all(Array.from({ length: 64 }, (_, index) => read(`outside-${index}`)))
  expect(new Set(tasks.map((task) => task?.id)).size).toBe(64)
})

describe('the times of a task created outside the gateway', () => {
  const minuteMs = 60_000
  const dayMs = 24 * 60 * minuteMs
  const times = `query ($taskId: ID!) { separation(taskId: $taskId) { createdAt expiresAt allStems { expiresAt } } }`

  test.each([
    ['from when it was completed', { createTime: -3 * minuteMs, completeTime: -2 * minuteMs }, -3, -2],
    [
      'from when it was created, if the provider does not say when it was completed',
      { createTime: -3 * minuteMs },
      -3,
      -3,
    ],
    [
      'from when it was completed, if the provider does not say when it was created',
      { completeTime: -2 * minuteMs },
      -2,
      -2,
    ],
    [
      'from the earlier time, if it was completed before it was created',
      { createTime: -minuteMs, completeTime: -5 * minuteMs },
      -5,
      -5,
    ],
    ['from no time, if the provider says neither', {}, 0, null],
  ])('are counted %s', async (_name, given: { createTime?: number; completeTime?: number }, created, kept) => {
    const { provider, gateway } = await start()
    const nowMs = Date.now()
    const at = (offset: number | undefined) => (offset === undefined ? null : nowMs + offset)
    provider.answerRead(
      recordOfSuccess('outside', { createTime: at(given.createTime), completeTime: at(given.completeTime) }),
    )
    const { data } = await gateway.ask(times, { taskId: 'outside' })
    const { createdAt, expiresAt } = (data as { separation: { createdAt: string; expiresAt: string | null } })
      .separation
    expect(Math.abs(Date.parse(createdAt) - (nowMs + created * minuteMs))).toBeLessThan(created === 0 ? 30_000 : 1)
    expect(expiresAt).toBe(kept === null ? null : new Date(nowMs + kept * minuteMs + 14 * dayMs).toISOString())
  })
})
