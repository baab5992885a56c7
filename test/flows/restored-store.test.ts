import { describe, expect, test } from 'vitest'
import { SeparateDocument } from '../../schema/operations.ts'
import { createCallbackAddresses } from '../../src/separation/callback/callback-address.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { canary } from '../support/canaries.ts'
import { openStoreOf } from '../support/database.ts'
import {
  order,
  someTrack,
  startGateway,
  storedTask,
  storedTasks,
  untilSettled,
  type TestGateway,
} from '../support/gateway.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'

/** What an address tells of a track. The webhook of the order is not in it. */
const track = { musicTaskId: 'music-task', audioId: 'audio-1', reference: null } as const

const secret = `callback-secret-${canary}`

/** Two gateways of one deployment; the second one's store does not contain the orders of the first one. */
async function start() {
  const provider = await startPlayedProvider()
  const environment = { ...provider.environment, CALLBACK_SECRET: secret }
  const before = await startGateway(environment)
  const restored = await startGateway(environment)
  const store = await openStoreOf(restored)
  /** Posts to the same callback address at the second gateway. */
  const callBack = (url: string, body: unknown) =>
    fetch(`${restored.url}${new URL(url).pathname}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'callback' },
      body: JSON.stringify(body),
    })
  return { provider, before, restored, store, callBack }
}

async function counted(gateway: TestGateway): Promise<readonly string[]> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text()
  return text
    .split('\n')
    .filter((line) => /^stemgate_callbacks_total\{.*result="(restored|unknown-task)".* [1-9]/.test(line))
}

const unknownTaskLogs = (gateway: TestGateway) =>
  gateway.logged.filter((line) => line.includes('"level":"error"') && line.includes('the store has lost this task'))

describe('a callback for a task that is missing from the store', () => {
  test('restores the order: the provider retries, and the same order joins the task without a new charge', async () => {
    const { provider, before, restored, store, callBack } = await start()
    const taskId = await order(before, { idempotencyKey: 'key' })
    const { body } = await provider.order(0)
    provider.answerRead(recordOfSuccess('provider-task-1', { callbackUrl: body.callBackUrl }))

    const first = await callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))
    expect(first.status).toBe(503)
    expect(Number(first.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(unknownTaskLogs(restored)).toHaveLength(1)
    expect(await counted(restored)).toEqual(['stemgate_callbacks_total{provider="kie",result="restored"} 1'])
    expect((await callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))).status).toBe(200)

    expect(await untilSettled(restored, taskId)).toMatchObject({ id: taskId, status: 'SUCCESS', charge: 'CHARGED' })
    const { data } = await restored.send(SeparateDocument, { input: { ...someTrack, idempotencyKey: 'key' } })
    expect(data?.separate).toMatchObject({ reused: true, task: { id: taskId } })
    expect(provider.orders).toHaveLength(1)
    const task = await storedTask(store, taskId)
    expect(task.trace).toMatchObject({ requestId: 'callback', traceId: expect.stringMatching(/^[0-9a-f]{32}$/) })
    expect(JSON.parse(unknownTaskLogs(restored)[0] ?? '')).toMatchObject({ requestId: 'callback' })
    const original = await storedTask(await openStoreOf(before), taskId)
    expect(task).toMatchObject({ ...track, owner: 'anonymous', type: 'separate_vocal' })
    expect(Math.abs(task.createdAtMs - original.createdAtMs)).toBeLessThan(2_000)
  })

  test('restores a task that the same order joins while the provider is working', async () => {
    const { provider, before, restored, callBack } = await start()
    const taskId = await order(before)
    const { body } = await provider.order(0)
    expect((await callBack(body.callBackUrl, { code: 200, data: { task_id: 'provider-task-1' } })).status).toBe(503)
    expect(await order(restored)).toBe(taskId)
    expect(provider.orders).toHaveLength(1)
  })

  test('restores one task even if many callbacks arrive at once', async () => {
    const { provider, before, restored, store, callBack } = await start()
    const taskId = await order(before)
    const { body } = await provider.order(0)
    const answers = Array.from({ length: 40 }, () => callBack(body.callBackUrl, callbackOfSuccess('provider-task-1')))
    const statuses = (await Promise.all(answers)).map(({ status }) => status)
    expect(statuses.every((status) => [200, 503].includes(status))).toBe(true)
    expect((await storedTasks(store)).map(({ id }) => id)).toEqual([taskId])
    expect((await store.savedCallbacks(taskId)).length).toBeLessThanOrEqual(1)
    expect(await untilSettled(restored, taskId)).toMatchObject({ status: 'SUCCESS' })
  })

  test('is logged, counted and answered with 503 if the address does not identify the order', async () => {
    const { restored, store, callBack } = await start()
    const old = createCallbackAddresses({ publicUrl: () => restored.url, secrets: () => [secret] })
    const taskId = newTaskId()
    // Addresses of the first version end with the token.
    const url = old.urlOf({ ...track, id: taskId, owner: 'web', provider: 'kie', type: null })
    const bare = url.replace(/\.[\w-]+$/, '')
    for (let nth = 0; nth < 2; nth += 1) {
      const answer = await callBack(bare, callbackOfSuccess('provider-task-1'))
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
    }
    expect(await counted(restored)).toEqual(['stemgate_callbacks_total{provider="kie",result="unknown-task"} 2'])
    expect(restored.logged.filter((line) => line.includes('the URL does not contain the order'))).toHaveLength(2)
    expect(await storedTasks(store)).toEqual([])
  })
})

test('restores a task for the caller whose callback address record-info echoes', async () => {
  const provider = await startPlayedProvider()
  const [web, mobile] = [`web-key-${canary}-0123456789`, `mobile-key-${canary}-0123456789`]
  const environment = { ...provider.environment, CALLBACK_SECRET: secret, API_KEYS: `web:${web},mobile:${mobile}` }
  const restored = await startGateway(environment)
  const ask = async (key: string, taskId: string) => {
    const response = await fetch(`${restored.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({
        query: 'query ($taskId: ID!) { separation(taskId: $taskId) { id status } }',
        variables: { taskId },
      }),
    })
    return (await response.json()).data
  }
  const taskId = newTaskId()
  const addresses = createCallbackAddresses({ publicUrl: () => restored.url, secrets: () => [secret] })
  const task = { ...track, id: taskId, owner: 'key:web', provider: 'kie', type: 'separate_vocal' } as const
  provider.answerRead(recordOfSuccess('provider-task-1', { callbackUrl: addresses.urlOf(task) }))
  expect(await ask(mobile, 'provider-task-1')).toEqual({ separation: null })
  expect(await ask(web, 'provider-task-1')).toEqual({ separation: { id: taskId, status: 'SUCCESS' } })
  expect(await ask(mobile, taskId)).toEqual({ separation: null })
})

describe('a callback address', () => {
  const addressesOf = (...secrets: string[]) =>
    createCallbackAddresses({ publicUrl: () => 'https://gateway.example/stemgate', secrets: () => secrets })
  const task = { id: newTaskId(), provider: 'kie', owner: 'key:web', type: 'split_stem', ...track } as const
  const pathOf = (url: string) => new URL(url).pathname.replace('/stemgate', '')
  const report = { taskId: task.id, provider: 'kie', owner: 'key:web', type: 'split_stem', ...track }

  test('reveals its order only to us', () => {
    const url = addressesOf('one-secret').urlOf(task)
    expect(addressesOf('one-secret').parse(pathOf(url))).toMatchObject({ taskId: task.id, order: report })
    expect(addressesOf('one-secret').orderOf(`${encodeURIComponent(url)}%2F`)).toEqual(report)
    const shown = url + Buffer.from(url.slice(url.lastIndexOf('.') + 1), 'base64url').toString('latin1')
    for (const word of ['key:web', 'split_stem', track.audioId, track.musicTaskId]) expect(shown).not.toContain(word)
    // The same order twice: nobody can see whether two tasks belong to one caller.
    expect(addressesOf('one-secret').urlOf(task)).not.toBe(url)
  })

  test('is recognized in encoded form even if a stray percent sign follows it', () => {
    const { namedIn, taskOf, urlOf } = addressesOf('one-secret')
    const encoded = encodeURIComponent(`${urlOf(task)}?share=%`)
    expect(taskOf(encoded)).toBe(task.id)
    expect(namedIn(encoded)).toBe(task.id)
  })

  test('is valid while one of its secrets is configured, whichever signs new addresses', () => {
    const path = pathOf(addressesOf('old-secret').urlOf(task))
    expect(addressesOf('new-secret', 'old-secret').parse(path)?.order).toEqual(report)
    expect(addressesOf('new-secret').parse(path)).toBeNull()
  })

  test('is invalid after any change to it', () => {
    const { parse, urlOf } = addressesOf('one-secret')
    const path = pathOf(urlOf(task))
    const [token = '', sealed = ''] = path.split('/').at(-1)?.split('.') ?? []
    const [, ofAnother = ''] =
      urlOf({ ...task, id: newTaskId() })
        .split('/')
        .at(-1)
        ?.split('.') ?? []
    const beginning = path.slice(0, -`${token}.${sealed}`.length)
    const flipped = Buffer.from(sealed, 'base64url').map((byte, index) => (index === 40 ? byte ^ 1 : byte))
    for (const end of [
      `${token}.${ofAnother}`,
      `${token}.${Buffer.from(flipped).toString('base64url')}`,
      `${token}.${sealed.slice(0, -1)}`,
      `${token}.${sealed}A`,
      `${token}.x`,
      `${token}.`,
      `${'x'.repeat(43)}.${sealed}`,
      sealed,
      `${token}/${sealed}`,
    ])
      expect(parse(`${beginning}${end}`)).toBeNull()
    expect(parse(`${beginning}${token}`)).toEqual({ taskId: task.id, provider: 'kie', order: null })
  })

  test.each([
    ['a typical caller', { owner: 'key:web' }, report],
    [
      'a caller with a JWT and UUIDs',
      {
        owner: 'jwt:https://tenant.eu.auth0.example/|auth0|65f1c0ffee65f1c0ffee65f1',
        musicTaskId: '5f8d0d55-1c1b-4c6f-9f1a-3f0b6a0f2d11',
        audioId: 'e231f1c5-95a0-4c39-a4e5-0f6d0f3f2a10',
      },
      { audioId: 'e231f1c5-95a0-4c39-a4e5-0f6d0f3f2a10' },
    ],
    [
      'a caller and a track too long for one address',
      { audioId: 'x'.repeat(300) },
      { owner: 'key:web', audioId: null },
    ],
    ['a caller that is too long by itself', { owner: `jwt:${'x'.repeat(400)}` }, null],
  ])('is short enough for %s', (_who, change, expected) => {
    const { parse, urlOf } = addressesOf('one-secret')
    const url = urlOf({ ...task, ...change })
    expect(url.length).toBeLessThanOrEqual(480)
    const address = parse(pathOf(url))
    expect(address).toMatchObject({ taskId: task.id })
    if (expected === null) expect(address?.order).toBeNull()
    else expect(address?.order).toMatchObject(expected)
  })
})
