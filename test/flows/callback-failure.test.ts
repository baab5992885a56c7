import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { SeparateDocument } from '../../schema/operations.ts'
import type { Task } from '../../src/separation/task/task.ts'
import { openStoreOf } from '../support/database.ts'
import {
  acceptedTask,
  order,
  someTrack,
  startCore,
  startGateway,
  storedTask,
  type TestGateway,
  type Timings,
  untilSettled,
} from '../support/gateway.ts'
import {
  recordOfSuccess,
  sendBody,
  startPlayedProvider,
  type Play,
  type PlayedProvider,
} from '../support/played-provider.ts'

const pending = { code: 200, msg: 'success', data: { successFlag: 'PENDING' } }
const failure = (taskId: string, code = 500) => ({
  code,
  msg: 'Internal Error - Please try again later',
  data: { task_id: taskId, vocal_separation_info: null },
})

async function start(environment: Record<string, string> = {}, timings: Timings = {}) {
  const provider = await startPlayedProvider()
  const gateway = await startGateway(
    { ...provider.environment, CHECK_INTERVAL_SECONDS: '0.1', READS_PER_SECOND: '100', ...environment },
    undefined,
    { callbackGraceMs: 100, ...timings },
  )
  return { provider, gateway, store: await openStoreOf(gateway) }
}

/** Orders a track and has the provider report a transient or permanent failure for it. */
async function orderThatIsCalledFailed(gateway: TestGateway, provider: PlayedProvider, code = 500): Promise<string> {
  const nth = provider.orders.length
  const taskId = await order(gateway)
  const { body } = await provider.order(nth)
  expect(await provider.callBack(body.callBackUrl, failure(`provider-task-${nth + 1}`, code))).toBe(200)
  return taskId
}

async function orderAgain(gateway: TestGateway) {
  const { data } = await gateway.send(SeparateDocument, { input: { ...someTrack } })
  return data?.separate
}

describe('a failure reported only by a callback', () => {
  test.each<[string, Play]>([
    ['record-info says PENDING', pending],
    ['record-info cannot be read', { code: 500, msg: 'not now', data: null }],
  ])('settles nothing and charges nobody again while %s', async (_name, read) => {
    const { provider, gateway, store } = await start()
    provider.answerRead(read)
    const taskId = await orderThatIsCalledFailed(gateway, provider)
    const settled = untilSettled(gateway, taskId)
    await provider.readTimes(8)
    expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending' })
    expect(await orderAgain(gateway)).toMatchObject({ reused: true, task: { id: taskId, status: 'PENDING' } })

    provider.answerRead(recordOfSuccess('provider-task-1'))
    expect(await settled).toMatchObject({ status: 'SUCCESS', charge: 'CHARGED' })
    expect(provider.orders).toHaveLength(1)
  })

  test('counts after FAILURE_GRACE_SECONDS, is then joined by the same order, and yields to record-info', async () => {
    const { provider, gateway, store } = await start({ FAILURE_GRACE_SECONDS: '1' })
    provider.answerRead(pending)
    const taskId = await orderThatIsCalledFailed(gateway, provider)
    expect(await untilSettled(gateway, taskId)).toMatchObject({
      status: 'GENERATE_AUDIO_FAILED',
      failure: { code: 'GENERATION_FAILED', message: expect.stringContaining('try again later') },
    })
    expect(await orderAgain(gateway)).toMatchObject({ reused: true, task: { id: taskId } })

    // It is checked at the default interval, however often record-info answers PENDING.
    await provider.readTimes(provider.reads.length + 5)
    provider.answerRead(recordOfSuccess('provider-task-1'))
    await expect.poll(async () => (await storedTask(store, taskId)).state).toBe('succeeded')
    expect(provider.orders).toHaveLength(1)
  })

  test('is no longer joined once GIVE_UP_AFTER_SECONDS has passed', async () => {
    const { provider, gateway } = await start({
      FAILURE_GRACE_SECONDS: '1',
      UNCONFIRMED_AFTER_SECONDS: '1',
      GIVE_UP_AFTER_SECONDS: '2',
    })
    provider.answerRead(pending)
    const taskId = await orderThatIsCalledFailed(gateway, provider)
    await untilSettled(gateway, taskId)
    await expect
      .poll(async () => JSON.stringify(await orderAgain(gateway)), { timeout: 5_000, interval: 200 })
      .toContain('"reused":false')
    expect(provider.orders).toHaveLength(2)
  })

  test('is reported at GIVE_UP_AFTER_SECONDS instead of NO_RESULT', async () => {
    const { provider, gateway } = await start({ UNCONFIRMED_AFTER_SECONDS: '1', GIVE_UP_AFTER_SECONDS: '1' })
    provider.answerRead(pending)
    const taskId = await orderThatIsCalledFailed(gateway, provider, 531)
    expect(await untilSettled(gateway, taskId)).toMatchObject({
      failure: { code: 'GENERATION_FAILED', message: expect.stringContaining('try again later') },
    })
  })

  test('yields to the failure that record-info names, whichever comes first', async () => {
    const { provider, gateway, store } = await start({ FAILURE_GRACE_SECONDS: '1' })
    const failedBy = (state: string, errorCode: number) =>
      recordOfSuccess('', {
        taskId: null,
        successFlag: state,
        response: null,
        errorCode,
        errorMessage: 'its own words',
      })
    const wanted = { code: 'CREATION_FAILED', providerCode: 531, message: 'its own words', by: 'record-info' }
    const failureOf = async (taskId: string) => {
      const task: Task = await storedTask(store, taskId)
      return task.state === 'failed' ? task.failure : null
    }

    const late = await orderThatIsCalledFailed(gateway, provider, 400)
    await untilSettled(gateway, late)
    provider.answerRead((response) => sendBody(response, failedBy('CREATE_TASK_FAILED', 531)))
    await expect.poll(() => failureOf(late)).toMatchObject(wanted)

    const taskId = await order(gateway, { audioId: 'audio-2' })
    await untilSettled(gateway, taskId)
    const { body } = await provider.order(1)
    const readBefore = provider.reads.length
    await provider.callBack(body.callBackUrl, failure('provider-task-2', 400))
    await provider.readTimes(readBefore + 1)
    await sleep(200)
    expect(await failureOf(taskId)).toMatchObject(wanted)
  })
})

test('a callback whose code means that the provider is still working is not a failure', async () => {
  const { provider, gateway, store } = await start({}, { failureGraceMs: 100 })
  const taskId = await orderThatIsCalledFailed(gateway, provider, 201)
  await provider.readTimes(5)
  expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending', charge: 'CHARGED' })
})

test('callbacks still count and the task still ends when a check throws inside the gateway', async () => {
  const provider = await startPlayedProvider()
  const { separations, store } = await startCore(provider, (whole) => ({
    ...whole,
    // Simulates a store that cannot save what record-info says.
    async replace(task, before) {
      if (task.providerTaskId !== null && before.providerTaskId === null) throw new TypeError('no index takes this id')
      return whole.replace(task, before)
    },
  }))
  provider.answerSubmit((response) => void response.destroy())
  const input = { ...someTrack, type: 'separate_vocal', provider: null, idempotencyKey: null, force: false } as const
  const task = acceptedTask(await separations.separate('anonymous', input))
  const { body } = await provider.order(0)
  provider.answerRead(recordOfSuccess('lost-task', { callbackUrl: body.callBackUrl }))
  await store.saveCallback({
    taskId: task.id,
    receivedAtMs: Date.now() - 5_000,
    providerTaskId: 'lost-task',
    report: {
      kind: 'reported',
      by: 'callback',
      providerTaskId: 'lost-task',
      outcome: {
        state: 'succeeded',
        stems: (['vocal', 'instrumental'] as const).map((part) => ({
          part,
          label: null,
          url: `https://files.example/${part}.mp3`,
          durationSeconds: null,
          originId: null,
        })),
        completedAtMs: null,
      },
      type: 'separate_vocal',
      audioId: null,
      musicId: null,
      originUrl: null,
    },
  })
  expect(await separations.check(task)).toEqual(expect.any(Number))
  expect(await storedTask(store, task.id)).toMatchObject({ state: 'succeeded', providerTaskId: null })
})
