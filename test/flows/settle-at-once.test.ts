import { createHmac } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { SeparateInput } from '../../schema/operations.ts'
import { openStoreOf } from '../support/database.ts'
import { order, startGateway, storedTask, untilSettled } from '../support/gateway.ts'
import { callbackOfSuccess, recordOfSuccess, sendBody, startPlayedProvider } from '../support/played-provider.ts'
import { canary } from '../support/canaries.ts'

const webhookKey = `webhook-key-${canary}`
/** So long that a callback which settles its task did not wait for it. */
const callbackGraceMs = 600_000
/** A read every 50 seconds. */
const fewReads = 0.02
const pending = { code: 200, msg: 'success', data: { successFlag: 'PENDING' } }

async function start(environment: Record<string, string> = {}, readsPerSecond = 1_000) {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, ...environment }, undefined, {
    callbackGraceMs,
    readsPerSecond,
  })
  const store = await openStoreOf(gateway)

  /** Orders a new track; returns both ids and how to call back. */
  async function orderAnew(input: Partial<SeparateInput> = {}) {
    const nth = provider.orders.length
    const taskId = await order(gateway, { audioId: `audio-${nth}`, ...input })
    const { body } = await provider.order(nth)
    const providerTaskId = `provider-task-${nth + 1}`
    const callBack = async (payload: object = callbackOfSuccess(providerTaskId), headers = {}) => {
      expect(await provider.callBack(body.callBackUrl, payload, headers)).toBe(200)
    }
    return { taskId, providerTaskId, callBack }
  }

  async function orderSeveral(count: number, input: Partial<SeparateInput> = {}) {
    const orders = []
    while (orders.length < count) orders.push(await orderAnew(input))
    return orders
  }

  /** Has the provider hold back all answers, and uses its rate up. */
  async function useUpReads() {
    provider.answerRead(() => {})
    const first = await orderAnew()
    await first.callBack({ code: 200, data: { task_id: first.providerTaskId } })
    // The balance is read within the same rate, so an order alone may use it up.
    await expect.poll(() => provider.reads.length + provider.creditCalls.length).toBeGreaterThan(0)
  }

  return { provider, gateway, store, orderAnew, orderSeveral, useUpReads }
}

function signed(providerTaskId: string, key = webhookKey) {
  const timestamp = String(Math.floor(Date.now() / 1000))
  const signature = createHmac('sha256', key).update(`${providerTaskId}.${timestamp}`).digest('base64')
  return { 'x-webhook-timestamp': timestamp, 'x-webhook-signature': signature }
}

function failureOf(providerTaskId: string): object {
  return { code: 500, msg: 'no', data: { task_id: providerTaskId, vocal_separation_info: null } }
}

const calledBackVocal = { part: 'VOCAL', url: 'https://files.example/callback-vocal.mp3' }

describe('a signed callback', () => {
  test('settles its task at once while record-info hangs', async () => {
    const { provider, gateway, store, orderAnew } = await start({
      KIE_WEBHOOK_KEY: webhookKey,
      READS_PER_SECOND: '1000',
    })
    const held: ServerResponse[] = []
    provider.answerRead((response) => held.push(response))
    const { taskId, providerTaskId, callBack } = await orderAnew()
    await callBack(undefined, signed(providerTaskId))
    expect(await untilSettled(gateway, taskId)).toMatchObject({
      status: 'SUCCESS',
      charge: 'CHARGED',
      allStems: [calledBackVocal, {}],
    })

    await provider.readTimes(1)
    for (const response of held) sendBody(response, recordOfSuccess(providerTaskId))
    await expect.poll(() => storedTask(store, taskId)).toMatchObject({ stems: [{ url: { by: 'record-info' } }, {}] })
  })

  test('waits for record-info if it reports a failure, or leaves out a stem', async () => {
    const { provider, store, orderAnew } = await start({ KIE_WEBHOOK_KEY: webhookKey, CHECK_INTERVAL_SECONDS: '0.2' })
    provider.answerRead(pending)
    const [failed, incomplete] = [await orderAnew(), await orderAnew()]
    await failed.callBack(failureOf(failed.providerTaskId), signed(failed.providerTaskId))
    const half = { vocal_url: 'https://files.example/vocal.mp3', instrumental_url: null }
    const payload = { code: 200, data: { task_id: incomplete.providerTaskId, vocal_separation_info: half } }
    await incomplete.callBack(payload, signed(incomplete.providerTaskId))
    await provider.readTimes(6)
    for (const { taskId } of [failed, incomplete]) {
      expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending' })
    }
  })

  test('settles nothing if its signature is forged, even while the rate is used up', async () => {
    const { gateway, store, orderAnew, useUpReads } = await start({ KIE_WEBHOOK_KEY: webhookKey }, fewReads)
    await useUpReads()
    const [forged, unsigned, genuine] = [await orderAnew(), await orderAnew(), await orderAnew()]
    await forged.callBack(undefined, signed(forged.providerTaskId, `another-webhook-key-${canary}`))
    await unsigned.callBack()
    await genuine.callBack(undefined, signed(genuine.providerTaskId))
    expect(await untilSettled(gateway, genuine.taskId)).toMatchObject({ status: 'SUCCESS' })
    for (const { taskId } of [forged, unsigned]) {
      expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending' })
    }
  })
})

describe('while the rate of reads is used up', () => {
  test('callbacks settle their tasks at once, and record-info adds its stems in its turn', async () => {
    const { provider, gateway, store, orderSeveral } = await start({}, 0.25)
    const orders = await orderSeveral(3, { type: 'SPLIT_STEM' })
    const response = { vocalUrl: 'https://files.example/vocal.mp3', pianoUrl: 'https://files.example/piano.mp3' }
    provider.answerRead((answer) => sendBody(answer, recordOfSuccess('', { taskId: null, response })))
    const settled = orders.map(({ taskId }) => untilSettled(gateway, taskId))
    for (const { callBack, providerTaskId } of orders) {
      const stems = { vocal_url: 'https://files.example/callback-vocal.mp3', drums_url: 'https://files.example/d.mp3' }
      await callBack({ code: 200, data: { task_id: providerTaskId, vocal_separation_info: stems } })
    }
    const [first, ...others] = await Promise.all(settled)
    // The slot for the first was free, so the provider was asked first.
    expect(first?.allStems[0]).toMatchObject({ part: 'VOCAL', url: response.vocalUrl })
    for (const each of others) expect(each).toMatchObject({ allStems: [calledBackVocal, { part: 'DRUMS' }] })

    const all = [
      { part: 'vocal', url: { value: response.vocalUrl, by: 'record-info' } },
      { part: 'drums', url: { by: 'callback' } },
      { part: 'piano' },
    ]
    for (const { taskId } of orders) {
      await expect
        .poll(() => storedTask(store, taskId), { timeout: 15_000 })
        .toMatchObject({ state: 'succeeded', stems: all })
    }
  })

  test('40 callbacks at a time settle 40 tasks', async () => {
    const { gateway, orderSeveral, useUpReads } = await start({}, fewReads)
    await useUpReads()
    const orders = await orderSeveral(40)
    const settled = orders.map(({ taskId }) => untilSettled(gateway, taskId))
    await Promise.all(orders.map(({ callBack }) => callBack()))
    expect((await Promise.all(settled)).map(({ status }) => status)).toEqual(orders.map(() => 'SUCCESS'))
  })

  test('40 equal callbacks at a time settle their task once', async () => {
    const { gateway, store, orderAnew, useUpReads } = await start({}, fewReads)
    await useUpReads()
    const { taskId, callBack } = await orderAnew()
    const { revision } = await storedTask(store, taskId)
    await Promise.all(Array.from({ length: 40 }, () => callBack()))
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
    expect(await storedTask(store, taskId)).toMatchObject({ revision: revision + 1 })
  })

  test("a callback that names another task's id settles neither task, and one for an order without an id waits", async () => {
    const { provider, gateway, store, orderAnew, useUpReads } = await start({}, fewReads)
    await useUpReads()
    const [one, other] = [await orderAnew(), await orderAnew()]
    provider.answerSubmit((response) => response.destroy())
    const lost = await orderAnew()
    provider.answerSubmit({ code: 200, msg: 'success', data: { taskId: 'last-task' } })
    const last = await orderAnew()
    await one.callBack(callbackOfSuccess(other.providerTaskId))
    await lost.callBack(callbackOfSuccess('a-task-that-nobody-knows'))
    await last.callBack(callbackOfSuccess('last-task'))
    expect(await untilSettled(gateway, last.taskId)).toMatchObject({ status: 'SUCCESS' })
    for (const { taskId } of [one, other, lost]) {
      expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending' })
    }
  })
})
