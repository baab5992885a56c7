import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { SeparateDocument, type SeparateInput } from '../../schema/operations.ts'
import { lockDatabaseOf, openStoreOf, rowsOf } from '../support/database.ts'
import {
  order,
  someTrack,
  startCore,
  startGateway,
  storedTask,
  storedTasks,
  untilSettled,
  type TestGateway,
} from '../support/gateway.ts'
import {
  type PlayedProvider,
  accepted,
  callbackOfSuccess,
  kieKey,
  noCredits,
  recordOfSuccess,
  sendBody,
  startPlayedProvider,
} from '../support/played-provider.ts'

const failedRecord = { successFlag: 'GENERATE_AUDIO_FAILED', response: null, errorMessage: 'no' }

async function start(environment: Record<string, string> = {}) {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, ...environment })
  const store = await openStoreOf(gateway)
  return { provider, gateway, store }
}

async function separate(gateway: TestGateway, input: Partial<SeparateInput> = {}) {
  const { data, errors } = await gateway.send(SeparateDocument, { input: { ...someTrack, ...input } })
  if (data === null || data === undefined) throw new Error(JSON.stringify(errors))
  return data.separate
}

/** The outcome of an order: the task or the name of the error. */
async function outcomeOf(gateway: TestGateway, input: Partial<SeparateInput> = {}) {
  const result = await separate(gateway, input)
  const { __typename: error } = result
  return 'reused' in result ? { taskId: result.task.id, reused: result.reused } : { error }
}

/** Has the provider hold submits without an answer until the test answers them. */
function holdSubmits(provider: PlayedProvider): (body: object) => void {
  const held: ServerResponse[] = []
  provider.answerSubmit((response) => held.push(response))
  return (body) => {
    for (const response of held.splice(0)) sendBody(response, body)
  }
}

test('an order is on disk before it is sent', async () => {
  const { provider, gateway } = await start()
  const rows: unknown[] = []
  provider.answerSubmit(async (response) => {
    rows.push(...(await rowsOf(gateway, 'select id, status, task from tasks')))
    sendBody(response, accepted('provider-task-1'))
  })

  const taskId = await order(gateway)
  expect(rows).toEqual([{ id: taskId, status: 'PENDING', task: expect.stringContaining('"charge":"MAYBE"') }])
  const { body, headers } = await provider.order(0)
  expect(body).toEqual({
    taskId: 'music-task',
    audioId: 'audio-1',
    type: 'separate_vocal',
    callBackUrl: expect.stringMatching(`^${gateway.url}/callbacks/kie/${taskId}/[\\w-]{43}\\.[\\w-]{40,}$`),
  })
  expect(headers.authorization).toBe(`Bearer ${kieKey}`)
})

describe('an invalid order', () => {
  test('gets all its errors at once', async () => {
    const { provider, gateway, store } = await start()
    const result = await separate(gateway, { musicTaskId: ' a', audioId: '', idempotencyKey: '', force: true })
    expect(result).toMatchObject({
      __typename: 'InvalidInputError',
      retryable: false,
      issues: [
        { path: ['input', 'musicTaskId'], message: 'must not begin or end with a space.' },
        { path: ['input', 'audioId'], message: 'must not be empty.' },
        { path: ['input', 'idempotencyKey'], message: 'must not be empty.' },
      ],
    })
    expect(await storedTasks(store)).toEqual([])
    expect(provider.orders).toEqual([])
  })

  test.each([
    ['force without a key', { force: true }, ['idempotencyKey']],
    ['an empty key', { idempotencyKey: '' }, ['idempotencyKey']],
    ['a lone surrogate', { idempotencyKey: '\ud800' }, ['idempotencyKey']],
    ['a key with a NUL character', { idempotencyKey: 'a\u0000b' }, ['idempotencyKey']],
    ['a lone surrogate in an id', { audioId: 'a\ud800' }, ['audioId']],
    ['a control character', { audioId: 'a\u0000b' }, ['audioId']],
    ['an overlong id', { musicTaskId: 'a'.repeat(256) }, ['musicTaskId']],
    ['a disabled provider', { provider: 'SUNOAPI' as const }, ['provider']],
    ['the sandbox where it is off', { provider: 'SANDBOX' as const }, ['provider']],
    ['a provider that is off, and an empty id', { provider: 'SUNOAPI' as const, audioId: '' }, ['audioId', 'provider']],
  ])('because of %s', async (_name, input, names) => {
    const { provider, gateway, store } = await start()
    const result = await separate(gateway, input)
    expect(result).toMatchObject({ issues: names.map((name) => ({ path: ['input', name] })) })
    expect(await storedTasks(store)).toEqual([])
    expect(provider.orders).toEqual([])
  })

  test('an unknown provider fails GraphQL validation', async () => {
    const { gateway } = await start()
    const document = 'mutation { separate(input: {musicTaskId: "m", audioId: "a", provider: SPOTIFY}) { __typename } }'
    expect(await gateway.ask(document)).toMatchObject({ errors: [{ extensions: { code: expect.any(String) } }] })
  })
})

describe('a definite refusal is reported to the caller, costs nothing and frees the key', () => {
  test.each([
    [
      'the track does not exist',
      { code: 422, msg: 'Record does not exist', data: null },
      { __typename: 'TrackNotFoundError', retryable: false },
    ],
    ['the credits are used up', noCredits, { __typename: 'InsufficientCreditsError', retryable: false }],
    [
      'the input is refused',
      { code: 422, msg: 'Please enter callBackUrl.', data: null },
      { __typename: 'InvalidInputError', retryable: false, issues: [{ path: ['input'] }] },
    ],
    [
      'there were too many orders',
      (response: ServerResponse) => response.writeHead(429, { 'retry-after': '7' }).end('slow down'),
      { __typename: 'RateLimitedError', retryable: true, retryAfterSeconds: 7 },
    ],
    [
      'the source cannot be fetched',
      { code: 451, msg: 'Failed to fetch the image.', data: null },
      { __typename: 'ProviderRefusedError', retryable: false, providerCode: 451 },
    ],
    [
      'the provider is in maintenance',
      { code: 455, msg: 'Maintenance', data: null },
      { __typename: 'ProviderUnavailableError', retryable: true },
    ],
    [
      'our key is wrong',
      { code: 401, msg: 'Unauthorized', data: null },
      { __typename: 'ProviderUnavailableError', retryable: false },
    ],
  ])('%s', async (_name, play, expected) => {
    const { provider, gateway, store } = await start()
    provider.answerSubmit(play)
    expect(await separate(gateway, { idempotencyKey: 'key' })).toMatchObject(expected)
    const [refused, ...others] = await storedTasks(store)
    expect(refused).toMatchObject({ state: 'failed', charge: 'NONE', failure: { code: 'SUBMISSION_REFUSED' } })
    expect(others).toEqual([])

    provider.answerSubmit(accepted('provider-task-2'))
    expect(await outcomeOf(gateway, { idempotencyKey: 'key' })).toEqual({
      taskId: expect.not.stringMatching(`^${refused?.id}$`),
      reused: false,
    })
    expect(provider.orders).toHaveLength(2)
  })

  test('and names the stored task, or none if nothing was stored', async () => {
    const { provider, gateway, store } = await start()
    provider.answerSubmit(noCredits)
    const document = `mutation ($audioId: ID!) {
      separate(input: { musicTaskId: "music-task", audioId: $audioId }) {
        __typename
        ... on SeparateError { task { id status failure { refusal } } }
      }
    }`
    const { data } = await gateway.ask(document, { audioId: 'audio-1' })
    const [refused] = await storedTasks(store)
    expect(data).toEqual({
      separate: {
        __typename: 'InsufficientCreditsError',
        task: { id: refused?.id, status: 'CREATE_TASK_FAILED', failure: { refusal: 'INSUFFICIENT_CREDITS' } },
      },
    })
    expect((await gateway.ask(document, { audioId: '' })).data).toEqual({
      separate: { __typename: 'InvalidInputError', task: null },
    })
  })

  test('the provider cannot be reached', async () => {
    const { provider, gateway, store } = await start()
    await provider.die()
    expect(await separate(gateway, { idempotencyKey: 'key' })).toMatchObject({
      __typename: 'ProviderUnavailableError',
      retryable: true,
    })
    expect(await storedTasks(store)).toMatchObject([{ charge: 'NONE', failure: { code: 'SUBMISSION_REFUSED' } }])

    await provider.revive()
    expect(await outcomeOf(gateway, { idempotencyKey: 'key' })).toMatchObject({ reused: false })
  })
})

describe('an answer without a task id leaves the task pending, and charged if the answer says so', () => {
  test.each([
    ['HTTP 502', (response: ServerResponse) => response.writeHead(502).end('<html>Bad gateway</html>')],
    ['a connection that breaks', (response: ServerResponse) => response.destroy()],
    ['truncated JSON', (response: ServerResponse) => response.end('{"code":20')],
    ['an unknown code', { code: 500, msg: 'Server Error', data: null }],
    ['success without an id', { code: 200, msg: 'success', data: null }],
    ['success with an id that no store can save', accepted('provider\u0000task'), 'CHARGED'],
    ['success with an id that is too long to save', accepted('x'.repeat(5_000)), 'CHARGED'],
  ])('%s', async (_name, play, charge = 'MAYBE') => {
    const { provider, gateway, store } = await start()
    provider.answerSubmit(play)
    const first = await outcomeOf(gateway, { idempotencyKey: 'key' })
    expect(first).toMatchObject({ reused: false })
    expect(await storedTasks(store)).toMatchObject([{ state: 'pending', charge, providerTaskId: null }])

    expect(await outcomeOf(gateway, { idempotencyKey: 'key' })).toEqual({ ...first, reused: true })
    expect(await outcomeOf(gateway)).toEqual({ ...first, reused: true })
    expect(provider.orders).toHaveLength(1)
  })
})

describe('an idempotency key', () => {
  test('returns its task in every state, with force or without', async () => {
    const { provider, gateway } = await start({ CHECK_INTERVAL_SECONDS: '0.1' })
    const first = await outcomeOf(gateway, { idempotencyKey: 'key' })
    provider.answerRead(recordOfSuccess('provider-task-1', failedRecord))
    await untilSettled(gateway, first.taskId ?? '')
    expect(await outcomeOf(gateway, { idempotencyKey: 'key' })).toEqual({ ...first, reused: true })
    expect(await outcomeOf(gateway, { idempotencyKey: 'key', force: true })).toEqual({ ...first, reused: true })
    expect(provider.orders).toHaveLength(1)
  })

  test.each([
    ['another track', { audioId: 'audio-2' }],
    ['another type', { type: 'SPLIT_STEM' as const }],
    ['another musicTaskId', { musicTaskId: 'other' }],
    ['a named provider after the default one', { provider: 'KIE' as const }],
  ])('used again for %s is a conflict', async (_name, change) => {
    const { provider, gateway } = await start()
    const taskId = await order(gateway, { idempotencyKey: 'key' })
    expect(await separate(gateway, { ...change, idempotencyKey: 'key' })).toMatchObject({
      __typename: 'IdempotencyConflictError',
      retryable: false,
      task: { id: taskId },
    })
    expect(provider.orders).toHaveLength(1)
  })

  test('that joined a task always returns it', async () => {
    const { provider, gateway } = await start({ CHECK_INTERVAL_SECONDS: '0.1' })
    const taskId = await order(gateway, { idempotencyKey: 'one' })
    expect(await outcomeOf(gateway, { idempotencyKey: 'two' })).toEqual({ taskId, reused: true })
    provider.answerRead(recordOfSuccess('provider-task-1', failedRecord))
    await untilSettled(gateway, taskId)
    expect(await outcomeOf(gateway, { idempotencyKey: 'two' })).toEqual({ taskId, reused: true })
    expect(await outcomeOf(gateway, { idempotencyKey: 'three' })).toMatchObject({ reused: false })
  })
})

describe('the same track', () => {
  test('joins a pending or finished task', async () => {
    const { provider, gateway } = await start({ CHECK_INTERVAL_SECONDS: '0.1' })
    const taskId = await order(gateway)
    expect(await outcomeOf(gateway)).toEqual({ taskId, reused: true })
    provider.answerRead(recordOfSuccess('provider-task-1'))
    await untilSettled(gateway, taskId)
    expect(await outcomeOf(gateway)).toEqual({ taskId, reused: true })
    expect(provider.orders).toHaveLength(1)
  })

  test('joins a task whose order was never confirmed', async () => {
    const { provider, gateway } = await start({ CHECK_INTERVAL_SECONDS: '0.1', UNCONFIRMED_AFTER_SECONDS: '0.2' })
    provider.answerSubmit((response) => response.destroy())
    const taskId = await order(gateway)
    expect(await untilSettled(gateway, taskId)).toMatchObject({ failure: { code: 'SUBMISSION_UNCONFIRMED' } })
    expect(await outcomeOf(gateway)).toEqual({ taskId, reused: true })
  })

  test('does not join a failed task', async () => {
    const { provider, gateway } = await start({ CHECK_INTERVAL_SECONDS: '0.1' })
    const taskId = await order(gateway)
    provider.answerRead(recordOfSuccess('provider-task-1', failedRecord))
    await untilSettled(gateway, taskId)
    expect(await outcomeOf(gateway)).toMatchObject({ reused: false })
    expect(provider.orders).toHaveLength(2)
  })

  test('does not join a task whose files have expired', async () => {
    const { provider, gateway, store } = await start({ CHECK_INTERVAL_SECONDS: '0.1' })
    const taskId = await order(gateway)
    provider.answerRead(recordOfSuccess('provider-task-1'))
    await untilSettled(gateway, taskId)
    const task = await storedTask(store, taskId)
    const value = Date.now() - 14 * 24 * 3_600_000 - 1
    const completedAtMs = { value, by: 'record-info', isReported: true } as const
    if (task.state === 'succeeded') await store.replace({ ...task, completedAtMs, revision: task.revision + 1 }, task)
    expect(await outcomeOf(gateway)).toMatchObject({ reused: false })
  })

  test('is a task of its own for each type', async () => {
    const { provider, gateway } = await start()
    const both = [await outcomeOf(gateway), await outcomeOf(gateway, { type: 'SPLIT_STEM' })]
    expect(both.map(({ reused }) => reused)).toEqual([false, false])
    expect(provider.orders.map(({ body }) => body.type)).toEqual(['separate_vocal', 'split_stem'])
  })

  test('is a task of its own for each caller', async () => {
    const { gateway, store } = await start()
    const taskId = await order(gateway)
    const mine = await storedTask(store, taskId)
    const theirs = { ...mine, id: taskId.replace(/.$/, (last) => (last === '0' ? '1' : '0')), owner: 'key:other' }
    const placed = await store.createOrder({
      task: { ...theirs, providerTaskId: null },
      key: null,
      dueAtMs: Date.now() + 60_000,
      canJoin: () => true,
      isAdmitted: true,
    })
    expect(placed.kind).toBe('new')
  })

  test('is ordered again with force, and later orders join the new task', async () => {
    const { provider, gateway } = await start()
    const first = await order(gateway)
    const second = await outcomeOf(gateway, { force: true, idempotencyKey: 'again' })
    expect(second).toEqual({ taskId: expect.not.stringMatching(first), reused: false })
    expect(await outcomeOf(gateway)).toEqual({ ...second, reused: true })
    expect(provider.orders).toHaveLength(2)
  })

  test('joins the finished task although a later forced order failed', async () => {
    const { provider, gateway } = await start({ CHECK_INTERVAL_SECONDS: '0.1' })
    const done = await order(gateway)
    provider.answerRead(recordOfSuccess('provider-task-1'))
    await untilSettled(gateway, done)
    provider.answerSubmit(noCredits)
    expect(await outcomeOf(gateway, { force: true, idempotencyKey: 'again' })).toEqual({
      error: 'InsufficientCreditsError',
    })
    provider.answerSubmit(accepted('provider-task-3'))
    expect(await outcomeOf(gateway)).toEqual({ taskId: done, reused: true })
    expect(provider.orders).toHaveLength(2)
  })
})

describe('200 concurrent orders', () => {
  test.each([
    ['with one key', () => ({ idempotencyKey: 'key' })],
    ['without a key', () => ({})],
    ['with a different key each', (index: number) => ({ idempotencyKey: `key-${index}` })],
  ])('%s are charged once', async (_name, inputOf) => {
    const { provider, gateway, store } = await start()
    provider.answerSubmit((response) => setTimeout(() => sendBody(response, accepted('provider-task-1')), 100))
    const all = await Promise.all(Array.from({ length: 200 }, (_, index) => outcomeOf(gateway, inputOf(index))))
    expect(new Set(all.map(({ taskId }) => taskId)).size).toBe(1)
    expect(all.filter(({ reused }) => reused === false)).toHaveLength(1)
    expect(provider.orders).toHaveLength(1)
    expect(await storedTasks(store)).toMatchObject([{ charge: 'CHARGED', providerTaskId: 'provider-task-1' }])
  })
})

describe('an order that joined a pending order', () => {
  test('gets the same refusal, and every key is free again', async () => {
    const { provider, gateway, store } = await start()
    const release = holdSubmits(provider)
    const calls = [outcomeOf(gateway, { idempotencyKey: 'first' })]
    await provider.order(0)
    const joiners = Array.from({ length: 10 }, (_, index) => outcomeOf(gateway, { idempotencyKey: `key-${index}` }))
    calls.push(...joiners)
    await untilKeys(gateway, 11)
    release(noCredits)

    expect(new Set((await Promise.all(calls)).map(({ error }) => error))).toEqual(new Set(['InsufficientCreditsError']))
    expect(provider.orders).toHaveLength(1)
    expect(await storedTasks(store)).toMatchObject([{ charge: 'NONE' }])

    provider.answerSubmit(accepted('provider-task-2'))
    const again = await outcomeOf(gateway, { idempotencyKey: 'first' })
    expect(again).toMatchObject({ reused: false })
    for (const key of ['key-0', 'key-9']) {
      expect(await outcomeOf(gateway, { idempotencyKey: key })).toEqual({ ...again, reused: true })
    }
    expect(provider.orders).toHaveLength(2)
  })

  test('is left without a key that points to a refused task, even if it joins while the refusal is being saved', async () => {
    const provider = await startPlayedProvider()
    provider.answerSubmit(noCredits)
    const input = { ...someTrack, type: 'separate_vocal', provider: null, force: false } as const
    const joined: Promise<unknown>[] = []
    const { separations } = await startCore(provider, (store) => ({
      ...store,
      // A slow disk leaves time to join before the refusal is saved.
      async replace(task, before) {
        if (task.charge === 'NONE' && joined.length === 0) {
          joined.push(separations.separate('anonymous', { ...input, idempotencyKey: 'late' }).catch(String))
          await sleep(100)
        }
        return store.replace(task, before)
      },
    }))
    expect(await separations.separate('anonymous', { ...input, idempotencyKey: 'early' })).toMatchObject({
      kind: 'refused',
      refusal: { kind: 'insufficient-credits' },
    })
    expect(await Promise.all(joined)).toMatchObject([{ kind: 'refused', refusal: { kind: 'insufficient-credits' } }])
    expect(provider.orders).toHaveLength(1)
    provider.answerSubmit(accepted('provider-task-2'))
    const again = await separations.separate('anonymous', { ...input, idempotencyKey: 'late' })
    expect(again).toMatchObject({ reused: false, task: { charge: 'CHARGED' } })
  })
})

describe('while the provider does not answer', () => {
  test('the caller gets the pending task in time, and the answer counts when it arrives', async () => {
    const { provider, gateway, store } = await start({ SUBMIT_TIMEOUT_SECONDS: '0.3', CHECK_INTERVAL_SECONDS: '0.1' })
    const release = holdSubmits(provider)
    const startedAt = performance.now()
    const result = await separate(gateway)
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(290)
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    expect(result).toMatchObject({
      __typename: 'SeparateSuccess',
      reused: false,
      task: { status: 'PENDING', charge: 'MAYBE' },
    })

    provider.answerRead(recordOfSuccess('late-task'))
    release(accepted('late-task'))
    const taskId = 'reused' in result ? result.task.id : ''
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS', charge: 'CHARGED' })
    expect(await storedTask(store, taskId)).toMatchObject({ providerTaskId: 'late-task' })
  })

  test('a callback with the outcome of the order ends the wait', async () => {
    const { provider, gateway } = await start({ CHECK_INTERVAL_SECONDS: '60' })
    const release = holdSubmits(provider)
    const startedAt = performance.now()
    const [ordering, joining] = [separate(gateway), separate(gateway)]
    const { body } = await provider.order(0)
    provider.answerRead(recordOfSuccess('provider-task-1', { callbackUrl: body.callBackUrl }))
    await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))
    const wanted = { __typename: 'SeparateSuccess', task: { status: 'SUCCESS', charge: 'CHARGED' } }
    expect(await ordering).toMatchObject(wanted)
    expect(await joining).toMatchObject(wanted)
    // Without the callback, both would wait 20 s.
    expect(performance.now() - startedAt).toBeLessThan(15_000)
    expect(gateway.app.subscriptions()).toBe(0)
    // Otherwise the gateway's stop waits for the answer.
    release(accepted('provider-task-1'))
  })

  test('an order that is known to be running is charged and joined although its answer is a refusal', async () => {
    const { provider, gateway } = await start({ SUBMIT_TIMEOUT_SECONDS: '5' })
    const release = holdSubmits(provider)
    const first = outcomeOf(gateway, { idempotencyKey: 'key' })
    const { body } = await provider.order(0)
    const record = recordOfSuccess('provider-task-1', { callbackUrl: body.callBackUrl })
    provider.answerRead({ ...record, data: { callbackUrl: body.callBackUrl, successFlag: 'PENDING' } })
    await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))
    const { taskId } = await first
    release({ code: 429, msg: 'slow down', data: null })
    await expect
      .poll(async () => JSON.stringify(await outcomeOf(gateway)), { interval: 100, timeout: 3_000 })
      .toContain(taskId ?? 'no task')
    await sleep(500)
    expect(await outcomeOf(gateway)).toEqual({ taskId, reused: true })
    expect(await outcomeOf(gateway, { idempotencyKey: 'key' })).toEqual({ taskId, reused: true })
    expect(provider.orders).toHaveLength(1)
  })

  test('a late refusal fails the task; a key that has returned the task keeps it, any other key is free', async () => {
    const { provider, gateway, store } = await start({ SUBMIT_TIMEOUT_SECONDS: '0.5' })
    const release = holdSubmits(provider)
    const early = outcomeOf(gateway, { idempotencyKey: 'early' })
    await provider.order(0)
    await sleep(300)
    const late = outcomeOf(gateway, { idempotencyKey: 'late' })
    const { taskId = '' } = await early
    release(noCredits)
    expect(await late).toEqual({ error: 'InsufficientCreditsError' })
    expect(await untilSettled(gateway, taskId)).toMatchObject({
      status: 'CREATE_TASK_FAILED',
      charge: 'NONE',
      failure: { code: 'SUBMISSION_REFUSED' },
    })
    expect(await storedTasks(store)).toHaveLength(1)

    provider.answerSubmit(accepted('provider-task-2'))
    expect(await outcomeOf(gateway, { idempotencyKey: 'early' })).toEqual({ taskId, reused: true })
    expect(await outcomeOf(gateway, { idempotencyKey: 'late' })).toMatchObject({ reused: false })
  })
})

test('an accepted order whose answer cannot be saved is answered in time and saved when the store recovers', async () => {
  const { provider, gateway, store } = await start({ SUBMIT_TIMEOUT_SECONDS: '0.3' })
  let unlock = async () => {}
  provider.answerSubmit(async (response) => {
    unlock = await lockDatabaseOf(gateway)
    sendBody(response, accepted('provider-task-1'))
  })
  const answer = await Promise.race([outcomeOf(gateway), sleep(6_000, 'never' as const, { ref: false })])
  expect(answer).toMatchObject({ reused: false })
  await unlock()

  // Joined orders are answered once the answer is saved.
  const joined = await separate(gateway)
  const taskId = 'reused' in joined ? joined.task.id : ''
  expect(await storedTask(store, taskId)).toMatchObject({ charge: 'CHARGED', providerTaskId: 'provider-task-1' })
  expect(provider.orders).toHaveLength(1)
})

/** Resolves when this number of keys is saved. */
async function untilKeys(gateway: TestGateway, count: number): Promise<void> {
  while ((await rowsOf(gateway, 'select key from keys')).length < count) await sleep(5)
}

test("an order that the provider answers with another task's id is charged, and the other task is unchanged", async () => {
  const { provider, gateway, store } = await start()
  provider.answerSubmit(accepted('the-same-id'))
  const [first, second] = [await order(gateway, { audioId: 'first' }), await order(gateway, { audioId: 'second' })]
  expect(await storedTask(store, first)).toMatchObject({ providerTaskId: 'the-same-id', charge: 'CHARGED' })
  expect(await storedTask(store, second)).toMatchObject({ providerTaskId: null, charge: 'CHARGED', state: 'pending' })
  expect(gateway.logged.join('\n')).toContain('an id that another task is bound to')
})
