import { createHmac } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { describe, test } from 'vitest'
import { dueAtOf, openStoreOf } from '../support/database.ts'
import { order, startGateway, storedTask, untilSettled, type Ending, type TestGateway } from '../support/gateway.ts'
import {
  accepted,
  callbackOfSuccess,
  recordOfSuccess,
  sendBody,
  startPlayedProvider,
  type PlayedProvider,
} from '../support/played-provider.ts'
import { canary } from '../support/canaries.ts'

const pending = { code: 200, msg: 'success', data: { successFlag: 'PENDING' } }
const webhookKey = `webhook-key-${canary}`
const noAnswer = (response: ServerResponse) => void response.destroy()

async function start(environment: Record<string, string>, atEnd: Ending) {
  const provider = await startPlayedProvider(atEnd)
  const gateway = await startGateway({ ...provider.environment, ...environment }, atEnd)
  return { provider, gateway }
}

async function endpointOf(provider: PlayedProvider, nth: number): Promise<string> {
  return (await provider.order(nth)).body.callBackUrl
}

async function statusOf(gateway: TestGateway, taskId: string): Promise<unknown> {
  const { data } = await gateway.ask('query ($taskId: ID!) { separation(taskId: $taskId) { status } }', { taskId })
  return (data as { separation: { status: unknown } }).separation.status
}

describe.concurrent('a callback for a task that was given up', () => {
  test('is checked until record-info names the audio, however long ago the task was given up', async ({
    expect,
    onTestFinished,
  }) => {
    const { provider, gateway } = await start(
      { CHECK_INTERVAL_SECONDS: '0.1', UNCONFIRMED_AFTER_SECONDS: '0.3', GIVE_UP_AFTER_SECONDS: '0.3' },
      onTestFinished,
    )
    provider.answerRead(pending)
    const taskId = await order(gateway)
    await expect.poll(() => statusOf(gateway, taskId)).toBe('GENERATE_AUDIO_FAILED')
    // After 60 intervals the task is checked once a day.
    const isAtRest = async () => Number(await dueAtOf(gateway, taskId)) > Date.now() + 3_600_000
    await expect.poll(isAtRest, { timeout: 15_000 }).toBe(true)

    const readsBefore = provider.reads.length
    provider.answerRead((response) => {
      const isFirst = provider.reads.length === readsBefore + 1
      const task = recordOfSuccess('provider-task-1', isFirst ? { response: null } : {})
      sendBody(response, task)
    })
    await provider.callBack(await endpointOf(provider, 0), { code: 200, data: { task_id: 'provider-task-1' } })
    await expect.poll(() => statusOf(gateway, taskId), { timeout: 5_000 }).toBe('SUCCESS')
  })

  test('with an invalid signature supplies an id to check, which counts if record-info confirms the order', async ({
    expect,
    onTestFinished,
  }) => {
    const { provider, gateway } = await start(
      { KIE_WEBHOOK_KEY: webhookKey, SUBMIT_TIMEOUT_SECONDS: '1' },
      onTestFinished,
    )
    provider.answerSubmit(noAnswer)
    const taskId = await order(gateway)
    const callBackUrl = await endpointOf(provider, 0)
    provider.answerRead(recordOfSuccess('lost-task', { callbackUrl: callBackUrl }))
    const staleTimestamp = String(Math.floor(Date.now() / 1000) - 3_600)
    const signature = createHmac('sha256', webhookKey).update(`lost-task.${staleTimestamp}`).digest('base64')
    const headers = { 'x-webhook-timestamp': staleTimestamp, 'x-webhook-signature': signature }
    expect(await provider.callBack(callBackUrl, callbackOfSuccess('lost-task'), headers)).toBe(200)
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
  })

  test('with an invalid signature binds nothing if record-info does not answer', async ({ expect, onTestFinished }) => {
    const { provider, gateway } = await start(
      { KIE_WEBHOOK_KEY: webhookKey, CHECK_INTERVAL_SECONDS: '0.1' },
      onTestFinished,
    )
    provider.answerSubmit(noAnswer)
    const taskId = await order(gateway)
    provider.answerRead(recordOfSuccess('foreign-task', { callbackUrl: null }))
    await provider.callBack(await endpointOf(provider, 0), callbackOfSuccess('foreign-task'))
    await provider.readTimes(2)
    const store = await openStoreOf(gateway, onTestFinished)
    expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending', providerTaskId: null })
  })
})

test.concurrent(
  '60 callbacks settle their tasks by their payloads within seconds while record-info hangs',
  async ({ expect, onTestFinished }) => {
    const { provider, gateway } = await start({ READS_PER_SECOND: '1000' }, onTestFinished)
    provider.answerRead(() => {})
    const count = 60
    const taskIds: string[] = []
    for (let nth = 0; nth < count; nth += 1) taskIds.push(await order(gateway, { audioId: `audio-${nth}` }))
    const startedAt = performance.now()
    for (let nth = 0; nth < count; nth += 1) {
      await provider.callBack(await endpointOf(provider, nth), callbackOfSuccess(`provider-task-${nth + 1}`))
    }
    const settled = await Promise.all(taskIds.map((taskId) => untilSettled(gateway, taskId)))
    expect(settled.map(({ status }) => status)).toEqual(Array.from({ length: count }, () => 'SUCCESS'))
    // Three rounds of 20, each as long as the timeout of record-info. A hanging read takes 10 s, three of them 30 s.
    expect(performance.now() - startedAt).toBeLessThan(27_000)
  },
)

test.concurrent(
  "a callback at a task's own address counts even if it names another task's id, and binds nothing",
  async ({ expect, onTestFinished }) => {
    const { provider, gateway } = await start({ SUBMIT_TIMEOUT_SECONDS: '1' }, onTestFinished)
    provider.answerSubmit((response, nth) => {
      if (nth === 1) noAnswer(response)
      else sendBody(response, accepted('second-task'))
    })
    const unbound = await order(gateway, { audioId: 'first' })
    const second = await order(gateway, { audioId: 'second' })
    provider.answerRead(() => {})
    await provider.callBack(await endpointOf(provider, 0), callbackOfSuccess('second-task'))
    expect(await untilSettled(gateway, unbound)).toMatchObject({ status: 'SUCCESS', charge: 'CHARGED' })
    const store = await openStoreOf(gateway, onTestFinished)
    expect(await storedTask(store, unbound)).toMatchObject({ providerTaskId: null })
    expect(await storedTask(store, second)).toMatchObject({ state: 'pending', providerTaskId: 'second-task' })
  },
)

test.concurrent('a failure message never contains the callback address', async ({ expect, onTestFinished }) => {
  const { provider, gateway } = await start({ FAILURE_GRACE_SECONDS: '1' }, onTestFinished)
  const taskId = await order(gateway)
  const callBackUrl = await endpointOf(provider, 0)
  const { pathname } = new URL(callBackUrl)
  await provider.callBack(callBackUrl, {
    code: 500,
    msg: `POST ${pathname} failed`,
    data: { task_id: 'provider-task-1', vocal_separation_info: null },
  })
  await untilSettled(gateway, taskId)
  const { data } = await gateway.ask('query ($taskId: ID!) { separation(taskId: $taskId) { failure { message } } }', {
    taskId,
  })
  expect(JSON.stringify(data)).toContain('POST [address] failed')
  expect(gateway.logged.join('\n')).not.toContain(pathname.split('/').at(-1))
})
