import { describe, expect, test } from 'vitest'
import { ReadDocument, WatchDocument } from '../../schema/operations.ts'
import { openStoreOf } from '../support/database.ts'
import { collect, order, startGateway, storedTask, untilSettled, type TestGateway } from '../support/gateway.ts'
import { recordOfSuccess, sendBody, startPlayedProvider } from '../support/played-provider.ts'

async function start(environment: Record<string, string> = {}) {
  const provider = await startPlayedProvider()
  const gateway = await startGateway(
    { ...provider.environment, CHECK_INTERVAL_SECONDS: '0.1', ...environment },
    undefined,
    { callbackGraceMs: 500, emptyGraceMs: 1_000 },
  )
  const store = await openStoreOf(gateway)
  return { provider, gateway, store }
}

const file = (name: string) => `https://files.example/${name}.mp3`
const both = { vocalUrl: file('vocal'), instrumentalUrl: file('instrumental') }
const split = Object.fromEntries(
  'vocal backingVocals drums bass guitar keyboard percussion strings synth fx brass woodwinds'
    .split(' ')
    .map((part) => [`${part}Url`, file(part)]),
)

/** The log lines about omitted parts of an answer. */
function omitted({ logged }: TestGateway): readonly string[] {
  return logged.filter((line) => line.includes('were omitted'))
}

describe('a state of record-info', () => {
  test.each<[string, object]>([
    ['as the text "1"', { successFlag: '1' }],
    ['as the number 1', { successFlag: 1 }],
    ['as true', { successFlag: true }],
    ['in small letters', { successFlag: 'success' }],
    ['in mixed letters', { successFlag: 'Success' }],
    ['as the music API names it', { successFlag: 'complete' }],
    ['in the field status, beside a word that nobody knows', { successFlag: 'OK', status: 'success' }],
    ['as a word that nobody knows, beside both stems', { successFlag: 'ALL_DONE', completeTime: null }],
    ['nowhere, beside both stems', { successFlag: null, completeTime: null }],
  ])('%s is a success', async (_, state) => {
    const { provider, gateway } = await start()
    provider.answerRead(recordOfSuccess('provider-task-1', state))
    const { status, allStems } = await untilSettled(gateway, await order(gateway))
    expect(status).toBe('SUCCESS')
    expect(allStems).toHaveLength(2)
  })

  test.each<[string, object]>([
    ['all parts of a split_stem but the piano', { response: split, completeTime: null }],
    ['one stem and the time at which it was complete', { response: { vocalUrl: file('vocal') } }],
  ])('that is unknown, with %s, is a success', async (_, data) => {
    const { provider, gateway } = await start()
    provider.answerRead(recordOfSuccess('provider-task-1', { successFlag: 'ALL_DONE', ...data }))
    expect((await untilSettled(gateway, await order(gateway, { type: 'SPLIT_STEM' }))).status).toBe('SUCCESS')
  })

  test.each<[string, object]>([
    ['as the text "0"', { successFlag: '0' }],
    ['as the number 0', { successFlag: 0 }],
    ['as processing', { successFlag: 'generating' }],
    ['as a word that nobody knows', { successFlag: 'FAILED_SOMEHOW', errorCode: 500, response: null }],
    [
      'as a word that nobody knows, beside one stem',
      { successFlag: 'FIRST_SUCCESS', response: { vocalUrl: file('v') }, completeTime: null },
    ],
    ['as false', { successFlag: false, response: null }],
    ['as a number that nobody knows', { successFlag: 7, response: null }],
    ['as a negative number', { successFlag: '-1', response: null }],
    ['as a list', { successFlag: ['GENERATE_AUDIO_FAILED'], response: null }],
  ])('%s settles nothing', async (_, state) => {
    const { provider, gateway } = await start()
    provider.answerRead((response, nth) =>
      sendBody(response, recordOfSuccess('provider-task-1', nth <= 3 ? state : {})),
    )
    const report = await collect(gateway.connect(), WatchDocument, { taskId: await order(gateway) })
    expect([...new Set(report.map((each) => each.separationUpdated?.status))]).toEqual(['PENDING', 'SUCCESS'])
    expect(provider.reads.length).toBeGreaterThan(3)
  })

  test.each<[unknown, string]>([
    ['2', 'CREATE_TASK_FAILED'],
    [2, 'CREATE_TASK_FAILED'],
    [3, 'GENERATE_AUDIO_FAILED'],
    ['create_task_failed', 'CREATE_TASK_FAILED'],
    ['generateAudioFailed', 'GENERATE_AUDIO_FAILED'],
    ['Callback-Exception', 'CALLBACK_EXCEPTION'],
  ])('written as %j is %s', async (successFlag, status) => {
    const { provider, gateway } = await start()
    provider.answerRead(recordOfSuccess('provider-task-1', { successFlag, response: null }))
    expect(await untilSettled(gateway, await order(gateway))).toMatchObject({ status })
  })
})

describe('an answer', () => {
  test('with its response or its data as JSON text is read like any other', async () => {
    for (const wrap of [
      (data: object) => ({ ...data, response: JSON.stringify(both) }),
      (data: object) => JSON.stringify({ ...data, response: ` ${JSON.stringify(both)}\n` }),
    ]) {
      const { provider, gateway } = await start()
      const data = { taskId: 'provider-task-1', successFlag: 'SUCCESS' }
      provider.answerRead({ code: 200, msg: 'success', data: wrap(data) })
      const { allStems } = await untilSettled(gateway, await order(gateway))
      expect(allStems.map(({ url }) => url)).toEqual([file('vocal'), file('instrumental')])
    }
  })

  test('with originData as JSON text has durations', async () => {
    const { provider, gateway, store } = await start()
    const originData = JSON.stringify([
      { id: 'origin-1', duration: 12.5, audio_url: file('vocal'), stem_type_group_name: 'Vocals' },
    ])
    provider.answerRead(recordOfSuccess('provider-task-1', { response: { ...both, originData } }))
    const taskId = await order(gateway)
    const { allStems } = await untilSettled(gateway, taskId)
    expect(allStems[0]).toMatchObject({ part: 'VOCAL', durationSeconds: 12.5 })
    expect(await storedTask(store, taskId)).toMatchObject({ stems: [{ originId: 'origin-1' }, { originId: null }] })
  })

  test('with text that is not a JSON object has no stems and breaks nothing', async () => {
    const { provider, gateway } = await start()
    const odd = ['{', '[1]', '"text"', 'null', '17', '{"a":', [], 17]
    provider.answerRead((response, nth) => {
      const data = nth <= odd.length ? { response: odd[nth - 1] } : {}
      sendBody(response, recordOfSuccess('provider-task-1', data))
    })
    expect((await untilSettled(gateway, await order(gateway))).allStems).toHaveLength(2)
  })

  test('may hold the URLs of an image, the source and the callback, which are not stems', async () => {
    const { provider, gateway } = await start()
    const others = {
      imageUrl: file('image'),
      image_url: file('image'),
      audioUrl: file('audio'),
      audio_url: file('audio'),
      sourceAudioUrl: file('source'),
      source_audio_url: file('source'),
      streamAudioUrl: file('stream'),
      videoUrl: file('video'),
      callBackUrl: 'https://elsewhere.example/hook',
      callback_url: 'https://elsewhere.example/hook',
    }
    provider.answerRead(recordOfSuccess('provider-task-1', { response: { ...others, ...both } }))
    const { allStems } = await untilSettled(gateway, await order(gateway))
    expect(allStems.map(({ url }) => url)).toEqual([file('vocal'), file('instrumental')])
  })

  test('may hold URLs without a scheme, which are https', async () => {
    const { provider, gateway } = await start()
    const response = { vocalUrl: '//files.example/vocal.mp3', instrumentalUrl: ' //files.example/My Song.mp3' }
    provider.answerRead(recordOfSuccess('provider-task-1', { response }))
    const { allStems } = await untilSettled(gateway, await order(gateway))
    expect(allStems.map(({ url }) => url)).toEqual([file('vocal'), 'https://files.example/My%20Song.mp3'])
  })

  test('does not smuggle in our own callback URL without a scheme', async () => {
    const { provider, gateway } = await start()
    const taskId = await order(gateway)
    const own = (await provider.order(0)).body.callBackUrl.replace(/^http:/, '')
    provider.answerRead(recordOfSuccess('provider-task-1', { response: { ...both, drumsUrl: own } }))
    expect((await untilSettled(gateway, taskId)).allStems).toHaveLength(2)
  })
})

describe('a callback', () => {
  test('with a code for pending settles nothing', async () => {
    const { provider, gateway, store } = await start()
    const taskId = await order(gateway)
    const { callBackUrl } = (await provider.order(0)).body
    const calledAt = performance.now()
    const graceMs = 1_000
    provider.answerRead((response) => {
      const isOver = performance.now() - calledAt > graceMs
      sendBody(response, isOver ? recordOfSuccess('provider-task-1') : { code: 500, msg: 'not now', data: null })
    })
    const watching = collect(gateway.connect(), WatchDocument, { taskId })
    for (const code of [0, 100, 201, 202, '299']) {
      const body = { code, msg: 'Task is processing.', data: { task_id: 'provider-task-1', vocal_removal_info: null } }
      expect(await provider.callBack(callBackUrl, body)).toBe(200)
    }
    const savedCallbacks = await store.savedCallbacks(taskId)
    expect(savedCallbacks.map(({ report }) => report?.outcome.state)).toEqual(savedCallbacks.map(() => 'pending'))
    const states = (await watching).map((each) => each.separationUpdated?.status)
    expect(new Set(states)).toEqual(new Set(['PENDING', 'SUCCESS']))
  })

  test('with audio is a success, whatever its code', async () => {
    const { provider, gateway } = await start()
    provider.answerRead((response) => void response.writeHead(500).end())
    const taskId = await order(gateway)
    const { callBackUrl } = (await provider.order(0)).body
    const info = { vocal_url: file('vocal'), instrumental_url: file('instrumental') }
    const data = { taskId: 'provider-task-1', vocalRemovalInfo: JSON.stringify(info) }
    expect(await provider.callBack(callBackUrl, { code: 201, data: JSON.stringify(data) })).toBe(200)
    expect((await untilSettled(gateway, taskId)).allStems).toHaveLength(2)
  })
})

describe('an answer with too many stems or too long values', () => {
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`kazoo${i}_url`, file(`kazoo-${i}`)]))

  test('keeps 64 stems, including the known ones, and logs one line', async () => {
    const { provider, gateway } = await start()
    provider.answerRead(recordOfSuccess('provider-task-1', { response: { ...many, ...split } }))
    const taskId = await order(gateway, { type: 'SPLIT_STEM' })
    const { allStems } = await untilSettled(gateway, taskId)
    expect(allStems).toHaveLength(64)
    expect(allStems.slice(0, 12).map(({ part }) => part)).not.toContain('OTHER')
    const lines = omitted(gateway)
    expect(lines.length).toBe(provider.reads.length)
    expect(lines[0]).toContain(`"stems":${5_000 + 12 - 64}`)
  })

  test('does the same as a callback', async () => {
    const { provider, gateway, store } = await start()
    provider.answerRead((response) => void response.writeHead(500).end())
    const taskId = await order(gateway, { type: 'SPLIT_STEM' })
    const { callBackUrl } = (await provider.order(0)).body
    const origin_data = Array.from({ length: 2_000 }, (_, i) => ({
      audio_url: file(`kazoo-${i}`),
      stem_type_group_name: `Kazoo ${i}`,
    }))
    const data = { task_id: 'provider-task-1', vocal_removal_info: { origin_data, vocal_url: file('vocal') } }
    expect(await provider.callBack(callBackUrl, { code: 200, data })).toBe(200)
    await untilSettled(gateway, taskId)
    const task = await storedTask(store, taskId)
    expect(task.state === 'succeeded' ? task.stems.length : 0).toBe(64)
    expect(omitted(gateway)).toHaveLength(1)
  })

  test('in many lists of one callback logs one line', async () => {
    const { provider, gateway } = await start()
    const taskId = await order(gateway)
    const { callBackUrl } = (await provider.order(0)).body
    const lists = Array.from({ length: 500 }, (_, i) => [`list_${i}_info`, { drums_url: 'javascript:alert(1)' }])
    const data = { task_id: 'provider-task-1', ...Object.fromEntries(lists) }
    provider.answerRead(recordOfSuccess('provider-task-1'))
    expect(await provider.callBack(callBackUrl, { code: 200, data })).toBe(200)
    await untilSettled(gateway, taskId)
    expect(omitted(gateway)).toEqual([expect.stringContaining('"addresses":500')])
  })

  test('keeps the same 64 in any order of the list', async () => {
    const { provider, gateway } = await start()
    const originData = Array.from({ length: 500 }, (_, i) => ({
      audio_url: file(`${i}`),
      stem_type_group_name: 'Kazoo',
    }))
    const seen: string[][] = []
    for (const [index, list] of [originData, originData.toReversed()].entries()) {
      provider.answerRead(recordOfSuccess(`outside-${index}`, { response: { originData: list } }))
      const { data } = await gateway.send(ReadDocument, { taskId: `outside-${index}` })
      seen.push(data?.separation?.allStems.map(({ url }) => url) ?? [])
    }
    expect(seen[0]).toHaveLength(64)
    expect(seen[1]).toEqual(seen[0])
  })

  test('in a URL, a label or an id does not make a large task', async () => {
    const { provider, gateway, store } = await start()
    const endless = 'x'.repeat(100_000)
    const response = {
      ...both,
      originUrl: file(endless),
      drumsUrl: file(endless),
      // It is three times as long when encoded.
      bassUrl: file(' '.repeat(2_000)),
      originData: [{ id: endless, audio_url: file('1'), stem_type_group_name: endless.replaceAll('x', 'y') }],
      [`${endless}Url`]: file('2'),
    }
    provider.answerRead(recordOfSuccess('provider-task-1', { response }))
    const taskId = await order(gateway)
    const { allStems } = await untilSettled(gateway, taskId)
    expect(allStems.map(({ url }) => url).toSorted()).toEqual(
      [file('vocal'), file('instrumental'), file('1'), file('2')].toSorted(),
    )
    expect(JSON.stringify(await storedTask(store, taskId)).length).toBeLessThan(3_000)
    const [line = ''] = omitted(gateway)
    expect(line).toContain('"addresses":3')
    expect(line.length).toBeLessThan(1_000)
  })

  test('with many values that are not URLs logs one line', async () => {
    const { provider, gateway } = await start()
    const bad = Object.fromEntries(Object.keys(many).map((key) => [key, 'javascript:alert(1)']))
    provider.answerRead(recordOfSuccess('provider-task-1', { response: { ...bad, ...both } }))
    await untilSettled(gateway, await order(gateway))
    expect(omitted(gateway)).toHaveLength(provider.reads.length)
  })
})
