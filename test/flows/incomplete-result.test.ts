import { describe, expect, test } from 'vitest'
import { WatchDocument } from '../../schema/operations.ts'
import type { Task } from '../../src/separation/task/task.ts'
import { openStoreOf } from '../support/database.ts'
import { collect, order, startGateway, storedTask, untilSettled, type Timings } from '../support/gateway.ts'
import { callbackOfSuccess, recordOfSuccess, sendBody, startPlayedProvider } from '../support/played-provider.ts'

const pending = { code: 200, msg: 'success', data: { successFlag: 'PENDING' } }
const unreadable = { code: 500, msg: 'not now', data: null }
const vocalUrl = 'https://files.example/vocal.mp3'
const bothUrls = { vocalUrl, instrumentalUrl: 'https://files.example/instrumental.mp3' }
const splitUrls = { vocalUrl, drumsUrl: 'https://files.example/drums.mp3', bassUrl: 'https://files.example/bass.mp3' }
const answerOf = (response: object) => recordOfSuccess('provider-task-1', { response })

async function start(environment: Record<string, string> = {}, timings: Timings = {}) {
  const provider = await startPlayedProvider()
  const gateway = await startGateway(
    { ...provider.environment, CHECK_INTERVAL_SECONDS: '0.2', READS_PER_SECOND: '100', ...environment },
    undefined,
    { callbackGraceMs: 100, ...timings },
  )
  const store = await openStoreOf(gateway)
  const stateOf = async (taskId: string) => (await storedTask(store, taskId)).state
  return { provider, gateway, store, stateOf }
}

function partsOf(task: Task): readonly string[] {
  return task.state === 'succeeded' ? task.stems.map(({ part }) => part) : []
}

describe('an incomplete split', () => {
  test('gains the piano that record-info names later, in a new revision', async () => {
    const { provider, gateway, store } = await start({ CHECK_INTERVAL_SECONDS: '2' })
    const taskId = await order(gateway, { type: 'SPLIT_STEM' })
    provider.answerRead((response, nth) =>
      sendBody(
        response,
        answerOf(nth === 1 ? splitUrls : { ...splitUrls, pianoUrl: 'https://files.example/piano.mp3' }),
      ),
    )
    const report = collect(gateway.connect(), WatchDocument, { taskId })
    const { body } = await provider.order(0)
    await provider.callBack(body.callBackUrl, {
      code: 200,
      data: { task_id: 'provider-task-1', vocal_separation_info: {} },
    })
    // The subscription ends at the first success, so that a frontend shows the stems that exist.
    expect((await report).at(-1)).toMatchObject({ separationUpdated: { status: 'SUCCESS' } })
    const first = await storedTask(store, taskId)
    await expect.poll(async () => partsOf(await storedTask(store, taskId))).toContain('piano')
    expect((await storedTask(store, taskId)).revision).toBeGreaterThan(first.revision)
  })

  test('gets three more checks if no further stems appear', async () => {
    const { provider, gateway } = await start()
    provider.answerRead(answerOf(splitUrls))
    await untilSettled(gateway, await order(gateway, { type: 'SPLIT_STEM' }))
    await provider.readTimes(4)
    await expect.poll(async () => provider.reads.length, { interval: 500, timeout: 3_000 }).toBe(4)
  })
})

describe('a vocal stem without the instrumental', () => {
  test('is pending until record-info names the instrumental', async () => {
    const { provider, gateway, stateOf } = await start()
    provider.answerRead(answerOf({ vocalUrl }))
    const taskId = await order(gateway)
    await provider.readTimes(3)
    expect(await stateOf(taskId)).toBe('pending')
    provider.answerRead(answerOf(bothUrls))
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS', stems: { missing: [] } })
  })

  test('becomes a success after the grace period and gains the instrumental later', async () => {
    const { provider, gateway, store } = await start({}, { emptyGraceMs: 500 })
    provider.answerRead(answerOf({ vocalUrl }))
    const taskId = await order(gateway)
    expect(await untilSettled(gateway, taskId)).toMatchObject({
      status: 'SUCCESS',
      stems: { missing: ['INSTRUMENTAL'] },
    })
    provider.answerRead(answerOf(bothUrls))
    await expect.poll(async () => partsOf(await storedTask(store, taskId))).toEqual(['vocal', 'instrumental'])
  })

  test('becomes a success with the audio that a failure would have hidden', async () => {
    const { provider, gateway } = await start()
    provider.answerRead((response, nth) =>
      sendBody(
        response,
        nth === 1
          ? answerOf({ vocalUrl })
          : recordOfSuccess('provider-task-1', { successFlag: 'GENERATE_AUDIO_FAILED', response: null }),
      ),
    )
    expect(await untilSettled(gateway, await order(gateway))).toMatchObject({ status: 'SUCCESS' })
  })
})

describe('a success without any stem', () => {
  test('is not settled while record-info cannot be read', async () => {
    const { provider, gateway, stateOf } = await start({}, { emptyGraceMs: 400 })
    provider.answerRead((response, nth) => sendBody(response, nth === 1 ? answerOf({}) : unreadable))
    const taskId = await order(gateway)
    await provider.readTimes(12)
    expect(await stateOf(taskId)).toBe('pending')
    provider.answerRead(answerOf({}))
    expect(await untilSettled(gateway, taskId)).toMatchObject({ status: 'SUCCESS', allStems: [] })
  })

  test('restarts its grace period when record-info answers PENDING again', async () => {
    const { provider, gateway, store } = await start({}, { emptyGraceMs: 60_000 })
    provider.answerRead((response, nth) => sendBody(response, nth === 1 ? answerOf({}) : pending))
    const taskId = await order(gateway)
    await provider.readTimes(3)
    expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending', incompleteSinceMs: null })
  })

  test('is checked again when a callback brings stems', async () => {
    const { provider, gateway, store } = await start({ CHECK_INTERVAL_SECONDS: '0.5' }, { emptyGraceMs: 200 })
    provider.answerRead(answerOf({}))
    const taskId = await order(gateway)
    await untilSettled(gateway, taskId)
    const { body } = await provider.order(0)
    provider.answerRead(pending)
    await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))
    await expect.poll(async () => partsOf(await storedTask(store, taskId))).toEqual(['vocal', 'instrumental'])
    provider.answerRead(answerOf(bothUrls))
    await expect
      .poll(async () => {
        const task = await storedTask(store, taskId)
        return task.state === 'succeeded' && task.stems.every(({ url }) => url.by === 'record-info')
      })
      .toBe(true)
  })
})
