import { describe, expect, test } from 'vitest'
import { ReadDocument } from '../../schema/operations.ts'
import { order, startGateway, untilSettled, type TestGateway } from '../support/gateway.ts'
import { recordOfSuccess, startPlayedProvider, type PlayedProvider } from '../support/played-provider.ts'

const good = 'https://files.example/vocal.mp3'
/** URLs that a browser must never get. Each has a unique mark, so that the tests recognize it anywhere. */
const bad: Readonly<Record<string, string>> = {
  drums: 'javascript:alert(/bad-drums/)',
  bass: 'data:audio/mpeg;base64,bad-bass',
  guitar: 'file:///etc/bad-guitar',
  percussion: '//:80/bad-percussion.mp3',
  strings: '/files/bad-strings.mp3',
  brass: 'java\nscript:alert(/bad-brass/)',
  woodwinds: 'ftp://files.example/bad-woodwinds.mp3',
  other: 'blob:https://files.example/bad-other',
  noise: 'vbscript:bad-noise',
  hum: 'https:// /bad-hum',
}
const urls = Object.values(bad)
/** Those without spaces. */
const absolute = /^\w+:[!-~]+$/

async function start(): Promise<{ readonly provider: PlayedProvider; readonly gateway: TestGateway }> {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, CHECK_INTERVAL_SECONDS: '0.1' }, undefined, {
    callbackGraceMs: 500,
    failureGraceMs: 500,
    emptyGraceMs: 500,
  })
  return { provider, gateway }
}

/** All that a caller can read of a task, as text. */
async function report(gateway: TestGateway, taskId: string): Promise<string> {
  return JSON.stringify(await gateway.send(ReadDocument, { taskId }))
}

/** The URLs under keys in the provider's spelling. */
function keyed(form: (name: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(bad).map(([name, url]) => [form(name), url]))
}

describe('a URL that is not http(s)', () => {
  test.each(urls.map((_url, index) => index))(
    'is not shown as a stem or the origin by record-info (%i)',
    async (index) => {
      const { provider, gateway } = await start()
      const url = urls[index] ?? ''
      const response = {
        originUrl: url,
        vocalUrl: good,
        drumsUrl: url,
        originData: [{ id: '1', duration: 3, audio_url: url, stem_type_group_name: 'Bass' }],
      }
      provider.answerRead(recordOfSuccess('provider-task-1', { response }))
      const taskId = await order(gateway, { type: 'SPLIT_STEM' })
      const { allStems } = await untilSettled(gateway, taskId)
      expect(allStems.map((stem) => stem.url)).toEqual([good])
      expect(await report(gateway, taskId)).not.toContain('bad-')
      const log = gateway.logged.join('\n')
      expect(log).toContain('were omitted')
      expect(log).not.toContain('bad-')
    },
  )

  test('is not shown from a callback either', async () => {
    const { provider, gateway } = await start()
    provider.answerRead((response) => void response.writeHead(500).end())
    const taskId = await order(gateway, { type: 'SPLIT_STEM' })
    const { callBackUrl } = (await provider.order(0)).body
    const info = { ...keyed((name) => `${name}_url`), vocal_url: good, origin_url: 'javascript:bad-origin' }
    const callback = { code: 200, data: { task_id: 'provider-task-1', vocal_separation_info: info } }
    expect(await provider.callBack(callBackUrl, callback)).toBe(200)
    const { allStems } = await untilSettled(gateway, taskId)
    expect(allStems.map((stem) => stem.url)).toEqual([good])
    expect(await report(gateway, taskId)).not.toContain('bad-')
    expect(gateway.logged.join('\n')).not.toContain('bad-')
  })

  test('is not shown in the message of a failure', async () => {
    const { provider, gateway } = await start()
    for (const [index, url] of urls.entries()) {
      const failure = { successFlag: 'GENERATE_AUDIO_FAILED', response: null, errorCode: 500 }
      const errorMessage = `could not fetch ${url}`
      provider.answerRead(recordOfSuccess(`provider-task-${index + 1}`, { ...failure, errorMessage }))
      const taskId = await order(gateway, { audioId: `audio-${index}` })
      const last = await untilSettled(gateway, taskId)
      expect(last.failure?.message).toMatch(/^could not fetch/)
      // What a browser does not read as a URL may stay in the text.
      if (absolute.test(url)) expect(last.failure?.message).toBe('could not fetch [address]')
    }
  })

  test('is not shown in the message of a refusal', async () => {
    const { provider, gateway } = await start()
    provider.answerSubmit({
      code: 451,
      msg: `could not fetch ${urls.filter((url) => absolute.test(url)).join(' ')}`,
    })
    const separate = `mutation { separate(input: { musicTaskId: "m", audioId: "a" }) {
      __typename ... on SeparateError { message }
    } }`
    const answer = JSON.stringify(await gateway.ask(separate))
    expect(answer).toContain('could not fetch [address]')
    expect(answer).not.toContain('bad-')
  })
})

test.each([
  ['a raw space', 'https://files.example/My Song.mp3', 'https://files.example/My%20Song.mp3'],
  ['a broken line', 'https://files.example/My\r\nSong.mp3', 'https://files.example/MySong.mp3'],
  ['credentials', 'https://user:word@files.example/1.mp3', 'https://user:word@files.example/1.mp3'],
])('a URL with %s is kept, and shown as a browser reads it', async (_, url, shown) => {
  const { provider, gateway } = await start()
  provider.answerRead(recordOfSuccess('provider-task-1', { response: { vocalUrl: url } }))
  const { allStems } = await untilSettled(gateway, await order(gateway))
  expect(allStems.map((stem) => stem.url)).toEqual([shown])
})

test('text that only begins like a URL is unchanged', async () => {
  const { provider, gateway } = await start()
  const errorMessage = 'Invalid data:audioId is missing, expected data:null'
  const failure = { successFlag: 'GENERATE_AUDIO_FAILED', response: null, errorCode: 500, errorMessage }
  provider.answerRead(recordOfSuccess('provider-task-1', failure))
  expect((await untilSettled(gateway, await order(gateway))).failure?.message).toBe(errorMessage)
})

test('our own callback URL is neither a stem nor an origin, wherever an answer repeats it', async () => {
  const { provider, gateway } = await start()
  const taskId = await order(gateway)
  const { callBackUrl } = (await provider.order(0)).body
  const response = {
    vocalUrl: good,
    originUrl: callBackUrl,
    callBackUrl,
    drumsUrl: `${callBackUrl}?again`,
    originData: [{ id: '1', audio_url: callBackUrl, stem_type_group_name: 'Bass' }],
  }
  provider.answerRead(recordOfSuccess('provider-task-1', { response, callbackUrl: callBackUrl }))
  const { allStems } = await untilSettled(gateway, taskId)
  expect(allStems.map((stem) => stem.url)).toEqual([good])
  expect(await report(gateway, taskId)).not.toContain('/callbacks/')
})

test('a callback token alone in a provider’s message is not shown', async () => {
  const { provider, gateway } = await start()
  provider.answerRead((response) => void response.writeHead(500).end())
  const taskId = await order(gateway)
  const { callBackUrl } = (await provider.order(0)).body
  const token = callBackUrl.split('/').at(-1) ?? ''
  const callback = { code: 500, msg: `token ${token} was refused`, data: { task_id: 'provider-task-1' } }
  expect(await provider.callBack(callBackUrl, callback)).toBe(200)
  const { failure } = await untilSettled(gateway, taskId)
  expect(failure?.message).toBe('token [removed] was refused')
})

test('a stem is not named by a URL', async () => {
  const { provider, gateway } = await start()
  const taskId = await order(gateway)
  const { callBackUrl } = (await provider.order(0)).body
  const originData = [{ id: '1', audio_url: good, stem_type_group_name: `See ${callBackUrl}` }]
  provider.answerRead(recordOfSuccess('provider-task-1', { response: { originData } }))
  const { allStems } = await untilSettled(gateway, taskId)
  expect(allStems.map((stem) => stem.label)).toEqual(['See [address]'])
})
