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

describe('an order to which the provider gives the id of an earlier one', () => {
  test('is followed by that id, bound to nothing, and has the same result', async () => {
    const { provider, gateway, store, endpointOf } = await start()
    provider.answerSubmit(accepted('one-for-both'))
    const first = await order(gateway, { audioId: 'audio-1' })
    const second = await order(gateway, { audioId: 'audio-2' })
    expect(await storedTask(store, second)).toMatchObject({
      providerTaskId: null,
      sharedProviderTaskId: 'one-for-both',
      charge: 'CHARGED',
    })
    // The provider echoes the address of the first order alone.
    provider.answerRead(recordOfSuccess('one-for-both', { callbackUrl: await endpointOf(0) }))
    expect(await untilSettled(gateway, second)).toMatchObject({ status: 'SUCCESS' })
    expect(await storedTask(store, second)).toMatchObject({ providerTaskId: null })
    expect(await untilSettled(gateway, first)).toMatchObject({ status: 'SUCCESS' })
    expect(await storedTask(store, first)).toMatchObject({ providerTaskId: 'one-for-both' })
  })

  test('counts its own callback, whatever id that names', async () => {
    const { provider, gateway, endpointOf } = await start()
    provider.answerSubmit(accepted('one-for-both'))
    provider.answerRead(unknown)
    await order(gateway, { audioId: 'audio-1' })
    const second = await order(gateway, { audioId: 'audio-2' })
    await provider.callBack(await endpointOf(1), callbackOfSuccess('one-for-both'))
    expect(await untilSettled(gateway, second)).toMatchObject({ status: 'SUCCESS' })
  })

  test('is given up in the end if no result comes', async () => {
    const { provider, gateway } = await start({ UNCONFIRMED_AFTER_SECONDS: '1', GIVE_UP_AFTER_SECONDS: '1' })
    provider.answerSubmit(accepted('one-for-both'))
    await order(gateway, { audioId: 'audio-1' })
    const second = await order(gateway, { audioId: 'audio-2' })
    expect(await untilSettled(gateway, second)).toMatchObject({ failure: { code: 'NO_RESULT' } })
  })
})

describe('a task at the provider that may be of an order which is not answered yet', () => {
  test.each([
    ['echoes no callback address', () => null],
    ['echoes it with its token masked', (url: string) => url.replace(/[^/]+$/, '***')],
    ['echoes it cut off', (url: string) => url.slice(0, 24)],
  ])('goes to nobody who asks for it, if record-info %s', async (_name, spell) => {
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

  test('is no other caller’s either, and is adopted once the order is known to be another', async () => {
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
    // One of another track, or one that was made long before, cannot be the order's.
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

describe('an echo of the callback address', () => {
  test.each([
    ['with a slash at its end', (url: string) => `${url}/`],
    ['percent-encoded', (url: string) => encodeURIComponent(url)],
    ['percent-encoded twice', (url: string) => encodeURIComponent(encodeURIComponent(url))],
    ['with a query', (url: string) => `${url}?retry=1`],
    ['with its token masked', (url: string) => url.replace(/[^/]+$/, '****')],
    ['cut off', (url: string) => url.slice(0, 30)],
    ['that is none of ours', () => 'https://relay.example/hook'],
  ])('%s takes nothing from a callback at that address', async (_name, spell) => {
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
