import { describe, expect, test } from 'vitest'
import { ReadDocument, SeparateDocument } from '../../schema/operations.ts'
import { openStoreOf } from '../support/database.ts'
import { order, someTrack, startGateway, storedTask, storedTasks, untilSettled } from '../support/gateway.ts'
import {
  accepted,
  callbackOfSuccess,
  recordOfSuccess,
  sendBody,
  startPlayedProvider,
} from '../support/played-provider.ts'

/** Chinese characters of three bytes each, in an order that no database compresses. */
function chinese(count: number): string {
  return Array.from({ length: count }, (_, i) => String.fromCodePoint(0x4e00 + ((i * 7_919) % 20_000))).join('')
}

/** An id of the maximum length in bytes, and one that is a byte longer. */
const longest = `${chinese(341)}x`
const tooLong = `${longest}x`

const soonOver = { UNCONFIRMED_AFTER_SECONDS: '1', GIVE_UP_AFTER_SECONDS: '1', CHECK_INTERVAL_SECONDS: '0.2' }

async function start(environment: Record<string, string> = {}) {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, ...environment })
  const store = await openStoreOf(gateway)
  return { provider, gateway, store }
}

describe('a provider task id', () => {
  test('of 1,024 bytes binds its order, and works in checks, callbacks and queries', async () => {
    const { provider, gateway, store } = await start({ CHECK_INTERVAL_SECONDS: '60' })
    provider.answerSubmit(accepted(longest))
    const taskId = await order(gateway)
    expect(await storedTask(store, taskId)).toMatchObject({ providerTaskId: longest, charge: 'CHARGED' })

    provider.answerRead((response) => sendBody(response, recordOfSuccess(longest)))
    const { callBackUrl } = (await provider.order(0)).body
    expect(await provider.callBack(callBackUrl, callbackOfSuccess(longest))).toBe(200)
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
    expect(provider.reads).toContain(longest)
    const { data } = await gateway.send(ReadDocument, { taskId: longest })
    expect(data?.separation).toMatchObject({ id: taskId })
  })

  test.each([
    ['1,000 Chinese characters', chinese(1_000)],
    ['1,025 bytes', tooLong],
    ['2,000 letters', 'x'.repeat(2_000)],
    ['a control character', 'a\u0000b'],
  ])('of %s is not stored, and its order is accepted, charged and ends', async (_, id) => {
    const { provider, gateway, store } = await start(soonOver)
    provider.answerSubmit(accepted(id))
    const { data, errors } = await gateway.send(SeparateDocument, { input: someTrack })
    expect(errors).toBeUndefined()
    expect(data?.separate).toMatchObject({ task: { status: 'PENDING', charge: 'CHARGED' } })
    const taskId = data !== null && data !== undefined && 'reused' in data.separate ? data.separate.task.id : ''
    const errorsLogged = gateway.logged.filter((line) => line.includes('"level":"error"'))
    expect(errorsLogged).toEqual([expect.stringContaining(taskId)])

    // It is not charged twice.
    expect((await gateway.send(SeparateDocument, { input: someTrack })).data?.separate).toMatchObject({
      reused: true,
      task: { id: taskId },
    })
    expect(provider.orders).toHaveLength(1)
    expect(await untilSettled(gateway, taskId)).toMatchObject({
      status: 'GENERATE_AUDIO_FAILED',
      charge: 'CHARGED',
      failure: { code: 'NO_RESULT' },
    })
    expect(await storedTask(store, taskId)).toMatchObject({ charge: 'CHARGED' })
  })

  test('that is too long is not used in a callback either, which triggers a check', async () => {
    const { provider, gateway } = await start({ CHECK_INTERVAL_SECONDS: '60' })
    const taskId = await order(gateway)
    const { callBackUrl } = (await provider.order(0)).body
    provider.answerRead(recordOfSuccess('provider-task-1'))
    expect(await provider.callBack(callBackUrl, callbackOfSuccess(chinese(1_000)))).toBe(200)
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
    const report = gateway.logged.filter((line) => line.includes('"level":"error"'))
    expect(report).toEqual([expect.stringContaining('provider task id cannot be stored')])
  })

  test('in record-info that is too long and differs is inconclusive', async () => {
    const { provider, gateway } = await start({ CHECK_INTERVAL_SECONDS: '0.2' })
    const taskId = await order(gateway)
    provider.answerRead((response, nth) => sendBody(response, recordOfSuccess(nth <= 2 ? tooLong : 'provider-task-1')))
    await provider.readTimes(2)
    const { data } = await gateway.send(ReadDocument, { taskId })
    expect(data?.separation).toMatchObject({ status: 'PENDING' })
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
  })

  test('is adopted without an audioId or a musicId that is too long', async () => {
    const { provider, gateway, store } = await start()
    provider.answerRead(recordOfSuccess('outside', { audioId: tooLong, musicId: tooLong }))
    const { data, errors } = await gateway.send(ReadDocument, { taskId: 'outside' })
    expect(errors).toBeUndefined()
    expect(data?.separation).toMatchObject({ status: 'SUCCESS' })
    expect(await storedTasks(store)).toMatchObject([{ audioId: null, musicId: null }])
  })
})
