import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { ReadDocument } from '../../schema/operations.ts'
import { openStoreOf } from '../support/database.ts'
import {
  order,
  someTrack,
  startCore,
  startGateway,
  storedTask,
  storedTasks,
  untilSettled,
  type Timings,
} from '../support/gateway.ts'
import {
  accepted,
  callbackOfSuccess,
  recordOfSuccess,
  sendBody,
  startPlayedProvider,
} from '../support/played-provider.ts'

const unknown = { code: 200, msg: 'success', data: null }
const noAnswer = (response: ServerResponse) => void response.destroy()

async function start(environment: Record<string, string> = {}, timings: Timings = {}) {
  const provider = await startPlayedProvider()
  const gateway = await startGateway(
    { ...provider.environment, CHECK_INTERVAL_SECONDS: '0.2', READS_PER_SECOND: '100', ...environment },
    undefined,
    { callbackGraceMs: 200, ...timings },
  )
  const store = await openStoreOf(gateway)
  const endpointOf = async (nth: number) => (await provider.order(nth)).body.callBackUrl
  return { provider, gateway, store, endpointOf }
}

describe('an order that the provider answers with the id of an earlier one', () => {
  test('is checked by that id without being bound, and gets the same result', async () => {
    const { provider, gateway, store, endpointOf } = await start()
    provider.answerSubmit(accepted('one-for-both'))
    const first = await order(gateway, { audioId: 'audio-1' })
    const second = await order(gateway, { audioId: 'audio-2' })
    expect(await storedTask(store, second)).toMatchObject({
      providerTaskId: null,
      sharedProviderTaskId: 'one-for-both',
      charge: 'CHARGED',
    })
    // The provider echoes only the address of the first order.
    provider.answerRead(recordOfSuccess('one-for-both', { callbackUrl: await endpointOf(0) }))
    expect(await untilSettled(gateway, second)).toMatchObject({ status: 'SUCCESS' })
    expect(await storedTask(store, second)).toMatchObject({ providerTaskId: null })
    expect(await untilSettled(gateway, first)).toMatchObject({ status: 'SUCCESS' })
    expect(await storedTask(store, first)).toMatchObject({ providerTaskId: 'one-for-both' })
  })

  test('accepts its own callback, whatever id the callback names', async () => {
    const { provider, gateway, endpointOf } = await start()
    provider.answerSubmit(accepted('one-for-both'))
    provider.answerRead(unknown)
    await order(gateway, { audioId: 'audio-1' })
    const second = await order(gateway, { audioId: 'audio-2' })
    await provider.callBack(await endpointOf(1), callbackOfSuccess('one-for-both'))
    expect(await untilSettled(gateway, second)).toMatchObject({ status: 'SUCCESS' })
  })

  test('is given up if no result arrives', async () => {
    const { provider, gateway } = await start({ UNCONFIRMED_AFTER_SECONDS: '1', GIVE_UP_AFTER_SECONDS: '1' })
    provider.answerSubmit(accepted('one-for-both'))
    await order(gateway, { audioId: 'audio-1' })
    const second = await order(gateway, { audioId: 'audio-2' })
    expect(await untilSettled(gateway, second)).toMatchObject({ failure: { code: 'NO_RESULT' } })
  })
})

describe('a provider task that may belong to an unanswered order', () => {
  test.each([
    ['no callback address', () => null],
    ['an address with a masked token', (url: string) => url.replace(/[^/]+$/, '***')],
    ['a truncated address', (url: string) => url.slice(0, 24)],
  ])('is not adopted if record-info echoes %s', async (_name, spell) => {
    const { provider, gateway, store, endpointOf } = await start({ SUBMIT_TIMEOUT_SECONDS: '1' })
    const held: ServerResponse[] = []
    provider.answerSubmit((response) => held.push(response))
    const taskId = await order(gateway)
    const callbackUrl = spell(await endpointOf(0))
    provider.answerRead(recordOfSuccess('provider-task-1', { callbackUrl, createTime: Date.now() }))
    await gateway.send(ReadDocument, { taskId: 'provider-task-1' })
    expect(await storedTasks(store)).toMatchObject([{ id: taskId, state: 'pending' }])

    for (const response of held) sendBody(response, accepted('provider-task-1'))
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
    expect(await storedTask(store, taskId)).toMatchObject({ providerTaskId: 'provider-task-1' })
    expect(await storedTasks(store)).toHaveLength(1)
  })

  test('is hidden from other callers too, and adopted once the order is bound to another id', async () => {
    const provider = await startPlayedProvider()
    const { separations, store } = await startCore(provider)
    const held: ServerResponse[] = []
    provider.answerSubmit((response) => held.push(response))
    const input = { ...someTrack, type: 'separate_vocal', provider: null, idempotencyKey: null, force: false } as const
    const ordered = separations.separate('key:one', input)
    await provider.order(0)
    const ref = { taskId: 'outside', provider: null }
    provider.answerRead((response) => sendBody(response, recordOfSuccess('outside', { createTime: Date.now() })))
    expect(await separations.find('key:two', [ref])).toEqual([
      expect.objectContaining({ name: 'ProviderUnreadableError' }),
    ])
    // A task of another track, or one created long before, cannot belong to the order.
    const another = { audioId: 'audio-9', createTime: Date.now() }
    provider.answerRead((response) => sendBody(response, recordOfSuccess('another', another)))
    expect(await separations.find('key:two', [{ taskId: 'another', provider: null }])).toMatchObject([
      { providerTaskId: 'another', owner: 'key:two' },
    ])
    const old = { createTime: Date.now() - 3_600_000 }
    provider.answerRead((response) => sendBody(response, recordOfSuccess('old', old)))
    expect(await separations.find('key:two', [{ taskId: 'old', provider: null }])).toMatchObject([
      { providerTaskId: 'old', owner: 'key:two' },
    ])

    for (const response of held) sendBody(response, accepted('provider-task-1'))
    await ordered
    provider.answerRead((response) => sendBody(response, recordOfSuccess('outside', { createTime: Date.now() })))
    expect(await separations.find('key:two', [ref])).toMatchObject([{ providerTaskId: 'outside', owner: 'key:two' }])
    expect(await storedTasks(store, 'key:one')).toHaveLength(1)
  })
})

describe('an echoed callback address', () => {
  test.each([
    ['with a trailing slash', (url: string) => `${url}/`],
    ['percent-encoded', (url: string) => encodeURIComponent(url)],
    ['percent-encoded twice', (url: string) => encodeURIComponent(encodeURIComponent(url))],
    ['with a query', (url: string) => `${url}?retry=1`],
    ['with a masked token', (url: string) => url.replace(/[^/]+$/, '****')],
    ['that is truncated', (url: string) => url.slice(0, 30)],
    ['of another service', () => 'https://relay.example/hook'],
  ])('%s does not affect a callback at that address', async (_name, spell) => {
    const { provider, gateway, store, endpointOf } = await start({ SUBMIT_TIMEOUT_SECONDS: '1' })
    provider.answerSubmit(noAnswer)
    const taskId = await order(gateway)
    const callBackUrl = await endpointOf(0)
    provider.answerRead(recordOfSuccess('lost-task', { callbackUrl: spell(callBackUrl) }))
    await provider.callBack(callBackUrl, callbackOfSuccess('lost-task'))
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
    expect(await storedTask(store, taskId)).toMatchObject({ providerTaskId: 'lost-task' })
  })
})
