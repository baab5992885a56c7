import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { nextCheckAt } from '../../src/separation/check/check-schedule.ts'
import type { FailedTask, PendingTask, SucceededTask, Task } from '../../src/separation/task/task.ts'
import type { KnownPart, SeparationType } from '../../src/separation/task/separation-type.ts'
import { dueAtOf, openStoreOf } from '../support/database.ts'
import { order, startGateway, storedTask, untilSettled } from '../support/gateway.ts'
import {
  accepted,
  callbackOfSuccess,
  recordOfSuccess,
  sendBody,
  startPlayedProvider,
} from '../support/played-provider.ts'
import { canary } from '../support/canaries.ts'
import type { Store } from '../../src/separation/store/store.ts'

const pending = { code: 200, msg: 'success', data: { successFlag: 'PENDING' } }

async function start(environment: Record<string, string> = {}) {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, CHECK_INTERVAL_SECONDS: '0.2', ...environment })
  const store = await openStoreOf(gateway)
  return { provider, gateway, store }
}

/** Resolves to the task once it is stored in the expected state. */
async function waitUntilStored(store: Store, taskId: string, isWanted: (task: Task) => boolean): Promise<Task> {
  for (;;) {
    const task = await storedTask(store, taskId)
    if (isWanted(task)) return task
    await sleep(10)
  }
}

test('a task without a callback gets its result by checks: the first after one interval, then about one per interval', async () => {
  const { provider, gateway } = await start({ CHECK_INTERVAL_SECONDS: '0.3' })
  const readAt: number[] = []
  provider.answerRead((response, nth) => {
    readAt.push(performance.now())
    sendBody(response, nth < 4 ? pending : recordOfSuccess('provider-task-1'))
  })
  const orderedAt = performance.now()
  const taskId = await order(gateway)
  expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
  expect(provider.reads).toHaveLength(4)
  const pauses = readAt.map((atMs, index) => atMs - (readAt[index - 1] ?? orderedAt))
  // A timer may fire a millisecond early.
  expect(pauses[0]).toBeGreaterThanOrEqual(298)
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(265)
  expect(Math.max(...pauses)).toBeLessThan(1_500)
})

describe('after a restart', () => {
  test('a pending task still gets its result', async () => {
    const { provider, gateway } = await start()
    const taskId = await order(gateway)
    await gateway.close()
    provider.answerRead(recordOfSuccess('provider-task-1'))
    const restarted = await startGateway(gateway.environment)
    expect(await untilSettled(restarted, taskId)).toMatchObject({ id: taskId, status: 'SUCCESS' })
  })

  test('a saved callback is processed, and record-info wins once it has a result', async () => {
    const { provider, gateway, store } = await start({ CHECK_INTERVAL_SECONDS: '1.5' })
    const taskId = await order(gateway)
    await gateway.close()
    await store.saveCallback({
      taskId,
      // Its grace period is over; the second check of its payload comes four intervals later.
      receivedAtMs: Date.now() - 4_500,
      providerTaskId: 'provider-task-1',
      report: {
        kind: 'reported',
        by: 'callback',
        providerTaskId: 'provider-task-1',
        outcome: {
          state: 'succeeded',
          stems: (['vocal', 'instrumental'] as const).map((part) => ({
            part,
            label: null,
            url: `https://files.example/noted-${part}.mp3`,
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
    provider.answerRead({ code: 500, msg: 'not now', data: null })
    const restarted = await startGateway(gateway.environment)
    const { allStems } = await untilSettled(restarted, taskId)
    expect(allStems).toMatchObject([{ part: 'VOCAL', url: 'https://files.example/noted-vocal.mp3' }, {}])

    provider.answerRead(recordOfSuccess('provider-task-1'))
    while ((await dueAtOf(restarted, taskId)) !== null) await sleep(10)
    expect(await storedTask(store, taskId)).toMatchObject({
      completedAtMs: { by: 'record-info' },
      stems: [{ url: { value: 'https://files.example/vocal.mp3', by: 'record-info' } }, { part: 'instrumental' }],
    })
  })

  test('an order that the old gateway sent without receiving an answer is not sent again', async () => {
    const { provider, gateway, store } = await start({ SUBMIT_TIMEOUT_SECONDS: '0.1', UNCONFIRMED_AFTER_SECONDS: '1' })
    provider.answerSubmit(() => {})
    const taskId = await order(gateway)
    await gateway.close()
    const restarted = await startGateway(gateway.environment)
    expect(await order(restarted)).toBe(taskId)
    expect(await untilSettled(restarted, taskId)).toMatchObject({ failure: { code: 'SUBMISSION_UNCONFIRMED' } })
    expect(await storedTask(store, taskId)).toMatchObject({ charge: 'MAYBE', providerTaskId: null })
    expect(provider.orders).toHaveLength(1)
  })
})

describe('the wait for a result', () => {
  test('ends without a result, and audio that appears later still makes the task a success', async () => {
    const { provider, gateway, store } = await start({ UNCONFIRMED_AFTER_SECONDS: '0.5', GIVE_UP_AFTER_SECONDS: '0.5' })
    const taskId = await order(gateway)
    expect(await untilSettled(gateway, taskId)).toMatchObject({
      status: 'GENERATE_AUDIO_FAILED',
      charge: 'CHARGED',
      failure: { code: 'NO_RESULT' },
    })
    provider.answerRead(recordOfSuccess('provider-task-1'))
    expect(await waitUntilStored(store, taskId, ({ state }) => state === 'succeeded')).toMatchObject({
      charge: 'CHARGED',
    })
  })

  test('does not end while the provider cannot be read: NO_RESULT needs an answer of the provider', async () => {
    const { provider, gateway, store } = await start({ UNCONFIRMED_AFTER_SECONDS: '0.5', GIVE_UP_AFTER_SECONDS: '0.5' })
    provider.answerRead({ code: 500, msg: 'not now', data: null })
    const taskId = await order(gateway)
    await sleep(500)
    await provider.readTimes(provider.reads.length + 4)
    expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending' })
    provider.answerRead(pending)
    expect(await untilSettled(gateway, taskId)).toMatchObject({ failure: { code: 'NO_RESULT' } })
  })

  test.each([
    ['an unknown state', { code: 200, data: { successFlag: 'SENSITIVE_WORD_ERROR' } }],
    ['a code about this task', { code: 400, msg: 'no', data: null }],
  ])('ends when the provider answers with %s', async (_name, answer) => {
    const { provider, gateway } = await start({ UNCONFIRMED_AFTER_SECONDS: '0.5', GIVE_UP_AFTER_SECONDS: '0.5' })
    provider.answerRead(answer)
    expect(await untilSettled(gateway, await order(gateway))).toMatchObject({ failure: { code: 'NO_RESULT' } })
  })

  test('does not end while the provider is disabled; the gateway logs how many tasks wait and checks them once it is enabled', async () => {
    const { provider, gateway, store } = await start({ UNCONFIRMED_AFTER_SECONDS: '0.5', GIVE_UP_AFTER_SECONDS: '0.5' })
    provider.answerRead({ code: 500, msg: 'not now', data: null })
    const taskIds = [await order(gateway), await order(gateway, { audioId: 'another' })]
    await gateway.close()

    const { KIE_API_KEY: _, KIE_BASE_URL: _url, ...withoutKie } = gateway.environment
    const others = await startGateway({ ...withoutKie, APIKLEY_API_KEY: `apikley-key-${canary}` })
    expect([...others.app.waitingForDisabled]).toEqual([['kie', 2]])
    expect(others.logged.join('\n')).toContain('tasks wait for a provider that is off')
    await sleep(1_000)
    for (const taskId of taskIds) expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending' })
    await others.close()

    provider.answerRead((response) => sendBody(response, recordOfSuccess(provider.reads.at(-1) ?? '')))
    const again = await startGateway(gateway.environment)
    for (const taskId of taskIds) expect(await untilSettled(again, taskId)).toMatchObject({ status: 'SUCCESS' })
  })

  test('ends for an unconfirmed order, which may be charged and succeeds if its callback still comes', async () => {
    const { provider, gateway, store } = await start({ UNCONFIRMED_AFTER_SECONDS: '0.5' })
    provider.answerSubmit((response) => response.destroy())
    const taskId = await order(gateway)
    expect(await untilSettled(gateway, taskId)).toMatchObject({
      status: 'CREATE_TASK_FAILED',
      charge: 'MAYBE',
      failure: { code: 'SUBMISSION_UNCONFIRMED' },
    })
    expect(provider.reads).toEqual([])

    const { body } = await provider.order(0)
    provider.answerRead(recordOfSuccess('late-task', { callbackUrl: body.callBackUrl }))
    expect(await provider.callBack(body.callBackUrl, callbackOfSuccess('late-task'))).toBe(200)
    const task = await waitUntilStored(store, taskId, ({ state }) => state === 'succeeded')
    expect(task).toMatchObject({ charge: 'CHARGED', providerTaskId: 'late-task' })
  })

  test('does not report an order as unconfirmed while its answer may still arrive', async () => {
    const { provider, gateway, store } = await start({
      SUBMIT_TIMEOUT_SECONDS: '0.1',
      UNCONFIRMED_AFTER_SECONDS: '0.3',
    })
    const held: ServerResponse[] = []
    provider.answerSubmit((response) => held.push(response))
    const taskId = await order(gateway)
    await sleep(900)
    expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending' })
    for (const response of held) sendBody(response, accepted('provider-task-1'))
    provider.answerRead(recordOfSuccess('provider-task-1'))
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
  })
})

describe('a premature answer of the provider', () => {
  test('that is a success without a stem URL is checked again until it has one', async () => {
    const { provider, gateway } = await start()
    provider.answerRead((response, nth) =>
      sendBody(response, recordOfSuccess('provider-task-1', nth < 4 ? { response: { vocalUrl: '' } } : {})),
    )
    const last = await untilSettled(gateway, await order(gateway))
    expect(last).toMatchObject({ status: 'SUCCESS', stems: { missing: [] } })
    expect(provider.reads).toHaveLength(4)
  })

  test.each(['CALLBACK_EXCEPTION', 'GENERATE_AUDIO_FAILED', 'CREATE_TASK_FAILED'])(
    'that is %s yields to audio that appears later',
    async (successFlag) => {
      const { provider, gateway, store } = await start()
      provider.answerRead(recordOfSuccess('provider-task-1', { successFlag, response: null }))
      const taskId = await order(gateway)
      expect(await untilSettled(gateway, taskId)).toMatchObject({ status: successFlag })
      provider.answerRead(recordOfSuccess('provider-task-1', { successFlag }))
      await waitUntilStored(store, taskId, ({ state }) => state === 'succeeded')
      while ((await dueAtOf(gateway, taskId)) !== null) await sleep(10)
    },
  )
})

describe('checks of another provider continue', () => {
  test.each([
    ['hangs', false],
    ['is down', true],
  ])('while one %s', async (_name, isDown) => {
    const [dead, alive] = [await startPlayedProvider(), await startPlayedProvider()]
    const gateway = await startGateway({
      ...dead.environment,
      APIKLEY_API_KEY: `apikley-key-${canary}`,
      APIKLEY_BASE_URL: alive.url,
      READS_PER_SECOND: '100',
      CHECK_INTERVAL_SECONDS: '0.2',
    })
    dead.answerRead(() => {})
    const stuck = Array.from({ length: 30 }, (_, index) => order(gateway, { audioId: `stuck-${index}` }))
    await Promise.all(stuck)
    if (isDown) await dead.die()
    else await dead.readTimes(20)

    alive.answerRead((response) => sendBody(response, recordOfSuccess(alive.reads.at(-1) ?? '')))
    const startedAt = performance.now()
    const taskIds = await Promise.all(
      Array.from({ length: 5 }, (_, index) => order(gateway, { audioId: `track-${index}`, provider: 'APIKLEY' })),
    )
    for (const taskId of taskIds) expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    await dead.die()
  })
})

describe('many pending tasks', () => {
  test('share the rate limit of their provider fairly', async () => {
    const { provider, gateway } = await start({ READS_PER_SECOND: '40' })
    const readAt: number[] = []
    provider.answerRead((response) => {
      readAt.push(performance.now())
      sendBody(response, pending)
    })
    await Promise.all(Array.from({ length: 40 }, (_, index) => order(gateway, { audioId: `track-${index}` })))
    const readBefore = provider.reads.length
    await provider.readTimes(readBefore + 80)
    const timesAsked = new Map<string, number>()
    for (const id of provider.reads.slice(readBefore)) timesAsked.set(id, (timesAsked.get(id) ?? 0) + 1)
    expect(timesAsked.size).toBe(40)
    expect(Math.max(...timesAsked.values())).toBeLessThanOrEqual(4)
    // Each window of 1 s stays within the limit; one request more may fall on its edge.
    for (const [index, atMs] of readAt.entries()) {
      const inSecond = readAt.slice(index).filter((each) => each < atMs + 1_000)
      expect(inSecond.length).toBeLessThanOrEqual(42)
    }
  })

  test('do not delay a callback that record-info does not confirm', async () => {
    const { provider, gateway } = await start({ READS_PER_SECOND: '10' })
    await Promise.all(Array.from({ length: 150 }, (_, index) => order(gateway, { audioId: `track-${index}` })))
    await provider.readTimes(1)
    const first = await provider.order(0)
    const taskId = first.body.callBackUrl.split('/').at(-2) ?? ''
    const readBefore = provider.reads.length
    await provider.callBack(first.body.callBackUrl, callbackOfSuccess('provider-task-1'))
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS' })
    expect(provider.reads.length - readBefore).toBeLessThan(100)
  })
})

describe('the next check', () => {
  const secondMs = 1_000
  const minuteMs = 60 * secondMs
  const createdAtMs = 1_700_000_000_000
  const times = {
    intervalMs: 30 * secondMs,
    unconfirmedAfterMs: 3_600 * secondMs,
    giveUpAfterMs: 86_400 * secondMs,
    callbackGraceMs: 4 * secondMs,
    failureGraceMs: 900 * secondMs,
    emptyGraceMs: 60 * secondMs,
  }
  const bound: PendingTask = {
    id: 'sep_01jzzzzzzzfzzzzzzzzzzzzzzz',
    owner: 'anonymous',
    provider: 'kie',
    providerTaskId: 'provider-task',
    sharedProviderTaskId: null,
    reference: null,
    updatedAtMs: 0,
    events: [],
    expectedAtMs: null,
    sendAttempt: null,
    resolution: null,
    trace: null,
    archive: null,
    type: 'separate_vocal',
    musicTaskId: 'music-task',
    audioId: 'audio',
    musicId: null,
    originUrl: null,
    charge: 'CHARGED',
    revision: 1,
    createdAtMs,
    isCreatedAtKnown: true,
    state: 'pending',
    partial: null,
    incompleteSinceMs: null,
  }
  const succeeded = (
    by: 'callback' | 'record-info',
    parts: readonly KnownPart[],
    type: SeparationType = 'separate_vocal',
  ): SucceededTask => {
    const { partial: _, incompleteSinceMs: _since, ...rest } = bound
    const url = { value: 'https://files.example/stem.mp3', by, atMs: createdAtMs }
    const stems = parts.map((part) => ({ part, label: null, url, durationSeconds: null, originId: null }))
    const completedAtMs = { value: createdAtMs, by, isReported: false }
    return { ...rest, type, state: 'succeeded', stems, completedAtMs, foundAtMs: createdAtMs }
  }
  const both = ['vocal', 'instrumental'] as const
  const failed = (code: FailedTask['failure']['code'], by: FailedTask['failure']['by']): FailedTask => {
    const { partial: _, incompleteSinceMs: _since, ...rest } = bound
    return { ...rest, state: 'failed', failure: { code, providerCode: null, message: '', by, atMs: createdAtMs } }
  }
  const dayMs = 86_400 * secondMs
  const pauseOf = (task: Task, ageMs: number, jitter = 0.5, graceMs: number | null = null) => {
    const nowMs = createdAtMs + ageMs
    const nextGraceEndsMs = graceMs === null ? null : nowMs + graceMs
    const state = { nowMs, lastCallbackMs: null, nextGraceEndsMs, retentionMs: 14 * dayMs, jitter }
    const atMs = nextCheckAt(task, state, times)
    return atMs === null ? null : atMs - nowMs
  }

  test.each([
    ['comes after an interval', bound, minuteMs, 30 * secondMs],
    ['comes after four intervals once the task is 30 minutes old', bound, 30 * minuteMs, 120 * secondMs],
    ['comes at the end of the wait for a result', bound, dayMs - 1, 1],
    ['stays at the default pace if the wait could not be ended', bound, dayMs, 120 * secondMs],
    [
      'comes at the end of the wait for a confirmation',
      { ...bound, providerTaskId: null, charge: 'MAYBE' as const },
      3_600 * secondMs - 5,
      5,
    ],
    ['comes sooner after an empty success', { ...bound, incompleteSinceMs: createdAtMs }, 1, 15 * secondMs],
    ['comes an interval after a success that a callback alone reported', succeeded('callback', both), 0, 30 * secondMs],
    ['comes four intervals after it then', succeeded('callback', both), 30 * secondMs, 90 * secondMs],
    ['comes for a day', succeeded('callback', both), dayMs - 1, 1],
    ['comes after an empty success was taken as it is', succeeded('record-info', []), 0, 30 * secondMs],
    [
      'comes after a success without the rest was taken as it is',
      succeeded('record-info', ['vocal']),
      0,
      30 * secondMs,
    ],
    [
      'comes soon after a split of which stems are missing',
      succeeded('record-info', ['vocal'], 'split_stem'),
      0,
      3_000,
    ],
    ['comes an interval after it then', succeeded('record-info', ['vocal'], 'split_stem'), 3_000, 27 * secondMs],
    ['comes ten intervals after it then', succeeded('record-info', ['vocal'], 'split_stem'), 30_000, 270 * secondMs],
    ['comes two intervals after a failure', failed('GENERATION_FAILED', 'record-info'), 0, 60 * secondMs],
    ['comes ten intervals after it then', failed('NO_RESULT', 'gateway'), 60 * secondMs, 240 * secondMs],
    ['comes once a day after no result', failed('NO_RESULT', 'gateway'), 2 * dayMs + 1, dayMs - 1],
    [
      'comes as usual after a failure that a callback alone reported',
      failed('GENERATION_FAILED', 'callback'),
      0,
      30_000,
    ],
    ['comes at the end of the wait after it', failed('GENERATION_FAILED', 'callback'), dayMs - 9, 9],
  ] as const)('%s', (_name, task, ageMs, pauseMs) => {
    expect(pauseOf(task, ageMs)).toBe(pauseMs)
  })

  test.each([
    ['record-info has named both stems', succeeded('record-info', both), 0],
    ['three more checks have found no further stem', succeeded('record-info', ['vocal'], 'split_stem'), 300 * secondMs],
    ['a day has passed after a success that record-info never confirmed', succeeded('callback', both), dayMs],
    ['30 minutes have passed after a failure', failed('GENERATION_FAILED', 'record-info'), 30 * minuteMs],
    [
      'a failure reported only by a callback has been checked for as long as the provider may keep its files',
      failed('GENERATION_FAILED', 'callback'),
      14 * dayMs,
    ],
    ['the files cannot be there any more', failed('NO_RESULT', 'gateway'), 14 * dayMs],
    ['the order was refused', { ...failed('SUBMISSION_REFUSED', 'gateway'), providerTaskId: null }, 0],
    ['there is no id to ask for', { ...failed('SUBMISSION_UNCONFIRMED', 'gateway'), providerTaskId: null }, 0],
  ] as const)('never comes once %s', (_name, task, ageMs) => {
    expect(pauseOf(task, ageMs)).toBeNull()
  })

  test('is jittered by 10 % of the interval in both directions, in whole milliseconds', () => {
    expect([0, 0.5, 1].map((jitter) => pauseOf(bound, minuteMs, jitter))).toEqual([27_000, 30_000, 33_000])
    expect(Number.isInteger(pauseOf(bound, minuteMs, 0.123_456_789))).toBe(true)
  })

  test.each([
    ['about once a second while the audio of a callback is unconfirmed', minuteMs, 4 * secondMs, secondMs],
    ['about once a second also for an old task', 45 * minuteMs, secondMs, secondMs],
    ['at the default interval while the failure of a callback is unconfirmed', minuteMs, 900 * secondMs, 30 * secondMs],
    ['more often towards the end of its grace period', minuteMs, 40 * secondMs, 10 * secondMs],
  ])('comes %s', (_name, ageMs, graceMs, pauseMs) => {
    expect(pauseOf(bound, ageMs, 0.5, graceMs)).toBe(pauseMs)
  })
})

test('a shutdown does not wait for a check of a provider that hangs', async () => {
  const { provider, gateway } = await start()
  provider.answerRead(() => {})
  await order(gateway)
  await provider.readTimes(1)
  const startedAt = performance.now()
  await gateway.close()
  // A read that is not aborted takes 10 s.
  expect(performance.now() - startedAt).toBeLessThan(5_000)
})
