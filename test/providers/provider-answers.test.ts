import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { apikley } from '../../src/providers/vocal-removal/apikley.ts'
import { createRedact } from '../../src/providers/client/redact.ts'
import { kie } from '../../src/providers/vocal-removal/kie.ts'
import { parseCallbackBody } from '../../src/providers/vocal-removal/parse-callback.ts'
import { parseEnvelopeText, parseEnvelope } from '../../src/providers/vocal-removal/parse-envelope.ts'
import { parseRecordInfo, type ParserContext } from '../../src/providers/vocal-removal/parse-record-info.ts'
import { parseStems } from '../../src/providers/vocal-removal/parse-stems.ts'
import { parseSubmitAnswer } from '../../src/providers/vocal-removal/parse-submit-answer.ts'
import { parseTime } from '../../src/providers/vocal-removal/parse-time.ts'
import { createRestProvider, type RestProvider } from '../../src/providers/vocal-removal/rest-provider.ts'
import { sandbox } from '../../src/providers/vocal-removal/sandbox.ts'
import type { ProviderSpec } from '../../src/providers/vocal-removal/spec.ts'
import { sunoapi } from '../../src/providers/vocal-removal/sunoapi.ts'
import { createInProcessRates } from '../../src/coordination/in-process-rates.ts'
import type { ProviderReport } from '../../src/separation/task/report.ts'
import { stemName } from '../../src/separation/task/stem.ts'
import type { CheckAnswer, SubmitAnswer } from '../../src/separation/provider.ts'

const vocalTaskId = '3e63b4cc88d52611159371f6af5571e7'
const splitTaskId = 'e649edb7abfd759285bd41a47a634b10'
const files = 'https://file.aiquickdraw.com/s/'
const vocalUrl = `${files}3d7021c9-fa8b-4eda-91d1-3b9297ddb172_Vocals.mp3`
const instrumentalUrl = `${files}d92a13bf-c6f4-4ade-bb47-f69738435528_Instrumental.mp3`
const callbackUrl = 'https://gateway.example/callbacks/kie/sep_01h455vb4pex5vsknk084sn02q/dG9rZW4tb2YtdGhpcy10YXNr'
const splitStems = {
  vocal: '07420749-29a2-4054-9b62-e6a6f8b90ccb_Vocals.mp3',
  backingVocals: 'aadc51a3-4c88-4c8e-a4c8-e867c539673d_Backing_Vocals.mp3',
  drums: 'ac75c5ea-ac77-4ad2-b7d9-66e140b78e44_Drums.mp3',
  bass: 'a3c2da5a-b364-4422-adb5-2692b9c26d33_Bass.mp3',
  guitar: '064dd08e-d5d2-4201-9058-c5c40fb695b4_Guitar.mp3',
  keyboard: 'adc934e0-df7d-45da-8220-1dba160d74e0_Keyboard.mp3',
  percussion: '0f70884d-047c-41f1-a6d0-7044618b7dc6_Percussion.mp3',
  strings: '49829425-a5b0-424e-857a-75d4c63a426b_Strings.mp3',
  synth: '56b2d94a-eb92-4d21-bc43-3460de0c8348_Synth.mp3',
  fx: 'a8822c73-6629-4089-8f2a-d19f41f0007d_FX.mp3',
  brass: '334b2d23-0c65-4a04-92c7-22f828afdd44_Brass.mp3',
  woodwinds: 'd81545b1-6f94-4388-9785-1aaa6ecabb02_Woodwinds.mp3',
}

function fixture(name: string): string {
  return readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8')
}

function createReading(): ParserContext {
  return { redact: createRedact(() => ['the-api-key']), onOmitted: () => {} }
}

function recordInfo(data: unknown, taskId = 'asked', code: unknown = 200, msg: unknown = 'success'): CheckAnswer {
  const envelope = parseEnvelope({ code, msg, data })
  if (envelope === null) throw new Error('not an envelope')
  return parseRecordInfo(envelope, taskId, createReading())
}

function recordInfoFixture(name: string, taskId: string): CheckAnswer {
  const envelope = parseEnvelopeText(fixture(name))
  if (envelope === null) throw new Error('not an envelope')
  return parseRecordInfo(envelope, taskId, createReading())
}

function outcomeOf(data: Record<string, unknown>) {
  const answer = recordInfo(data)
  if (answer.kind !== 'found') throw new Error(`not seen: ${JSON.stringify(answer)}`)
  return answer.report.outcome
}

function callback(body: unknown): ProviderReport | null {
  return parseCallbackBody(body, createReading())
}

function stem(
  part: string,
  url: string,
  label: string | null = null,
  durationSeconds: number | null = null,
  originId: string | null = null,
) {
  return { part, label, url, durationSeconds, originId }
}

function stemsOf(info: unknown) {
  return parseStems(info).stems
}

function typeOf(info: unknown) {
  return parseStems(info).type
}

function submitAnswer(body: string | null, status = 200, spec: ProviderSpec = kie): SubmitAnswer {
  const context = { spec, redact: createRedact(() => ['the-api-key']), callbackUrl, nowMs: Date.UTC(2026, 0, 1) }
  return parseSubmitAnswer({ status, retryAfter: null, dateMs: null, body, problem: null }, context)
}

describe('the parser of the pages’ examples', () => {
  test('reads the accepted submit', () => {
    expect(submitAnswer(fixture('submit-accepted'))).toEqual({ kind: 'accepted', providerTaskId: '5c79****be8e' })
  })

  test('reads the callback of a separate_vocal with an empty origin_url', () => {
    expect(callback(JSON.parse(fixture('callback-separate-vocal')))).toEqual({
      kind: 'reported',
      by: 'callback',
      providerTaskId: vocalTaskId,
      outcome: {
        state: 'succeeded',
        stems: [stem('instrumental', instrumentalUrl), stem('vocal', vocalUrl)],
        completedAtMs: null,
      },
      type: 'separate_vocal',
      audioId: null,
      musicId: null,
      originUrl: null,
    })
  })

  test('reads all 12 stems of the callback of a split_stem', () => {
    const report = callback(JSON.parse(fixture('callback-split-stem')))
    expect(report).toMatchObject({ providerTaskId: splitTaskId, by: 'callback', type: 'split_stem', originUrl: null })
    if (report?.outcome.state !== 'succeeded') throw new Error('not a success')
    expect(Object.fromEntries(report.outcome.stems.map(({ part, url }) => [part, url]))).toEqual(
      Object.fromEntries(Object.entries(splitStems).map(([part, file]) => [part, files + file])),
    )
    expect(report.outcome.stems.every((each) => each.label === null && each.durationSeconds === null)).toBe(true)
  })

  test('reads record-info of a separate_vocal', () => {
    expect(recordInfoFixture('record-info-separate-vocal', vocalTaskId)).toEqual({
      kind: 'found',
      report: {
        kind: 'reported',
        by: 'record-info',
        providerTaskId: vocalTaskId,
        outcome: {
          state: 'succeeded',
          stems: [stem('instrumental', instrumentalUrl), stem('vocal', vocalUrl)],
          completedAtMs: 1_753_782_937_000,
        },
        type: 'separate_vocal',
        audioId: 'e231****-****-****-****-****8cadc7dc',
        musicId: '376c687e-d439-42c1-b1e4-bcb43b095ec2',
        originUrl: null,
      },
      callbackUrl: 'https://57312fc2e366.ngrok-free.app/api/v1/vocal-removal/test',
      createdAtMs: 1_753_782_854_000,
    })
  })

  test('reads record-info of a split_stem without a piano', () => {
    expect(recordInfoFixture('record-info-split-stem', splitTaskId)).toEqual({
      kind: 'found',
      report: {
        kind: 'reported',
        by: 'record-info',
        providerTaskId: splitTaskId,
        outcome: {
          state: 'succeeded',
          stems: Object.entries(splitStems).map(([part, file]) => stem(part, files + file)),
          completedAtMs: 1_753_782_459_000,
        },
        type: 'split_stem',
        audioId: 'e231****-****-****-****-****8cadc7dc',
        musicId: '376c687e-d439-42c1-b1e4-bcb43b095ec2',
        originUrl: null,
      },
      callbackUrl: 'https://57312fc2e366.ngrok-free.app/api/v1/vocal-removal/test',
      createdAtMs: 1_753_782_327_000,
    })
  })
})

describe('the parser of the bodies in docs/providers.md', () => {
  test('reads unknown ids as a track that does not exist', () => {
    expect(submitAnswer(fixture('submit-record-does-not-exist'))).toMatchObject({
      kind: 'refused',
      refusal: { reason: 'track-not-found', providerCode: 422, retryable: false, retryAfterSeconds: null },
    })
  })

  test.each([
    ['Record does not exist', 'track-not-found'],
    ['The audio doesn’t exist.', 'track-not-found'],
    ["audioId doesn't exist", 'track-not-found'],
    ['Music task not found', 'track-not-found'],
    ['callBackUrl host not found', 'invalid-input'],
    ['type must be separate_vocal or split_stem', 'invalid-input'],
  ])('reads a 422 with “%s” as %s', (msg, reason) => {
    expect(submitAnswer(JSON.stringify({ code: 422, msg, data: null }))).toMatchObject({ refusal: { reason } })
  })

  test('reads any other 422 as invalid input, and quotes the provider', () => {
    expect(submitAnswer(fixture('submit-without-callback-url'))).toMatchObject({
      kind: 'refused',
      refusal: {
        reason: 'invalid-input',
        providerCode: 422,
        message:
          'kie.ai does not accept this order and says “Please enter callBackUrl”. Check musicTaskId, audioId and type.',
      },
    })
  })

  test.each([
    ['Too busy.', ' and says “Too busy”.'],
    ['太忙。', ' and says “太忙”.'],
    ['Too busy!', ' and says “Too busy!”.'],
    ['Wait ...', ' and says “Wait ...”.'],
    ['.', '.'],
  ])('quotes “%s” in a sentence with one full stop', (msg, quoted) => {
    const message = `kie.ai does not accept this order${quoted} Check musicTaskId, audioId and type.`
    expect(submitAnswer(JSON.stringify({ code: 422, msg, data: null }))).toMatchObject({ refusal: { message } })
  })

  test.each([
    ['kie.ai', kie, 'Check musicTaskId and audioId'],
    ['The sandbox', sandbox, 'audioId must name a test track'],
  ])('says what to check when %s has no such track', (name, spec, hint) => {
    const answer = submitAnswer(fixture('submit-record-does-not-exist'), 200, spec)
    const message = expect.stringContaining(`${name} has no such track and says “Record does not exist”. ${hint}`)
    expect(answer).toMatchObject({ refusal: { reason: 'track-not-found', message } })
  })

  test('reads null data as a task that is not visible', () => {
    expect(recordInfoFixture('record-info-unknown-task', 'asked')).toEqual({ kind: 'not-found' })
  })

  test('reads durations from originData and keeps the URLs of the keys', () => {
    const answer = recordInfoFixture('record-info-origin-data', vocalTaskId)
    expect(answer).toMatchObject({
      report: {
        audioId: null,
        type: 'separate_vocal',
        outcome: {
          stems: [
            stem('instrumental', instrumentalUrl, 'Instrumental', 187.24, 'd92a13bf-c6f4-4ade-bb47-f69738435528'),
            stem('vocal', vocalUrl, 'Vocals', 187.24, '3d7021c9-fa8b-4eda-91d1-3b9297ddb172'),
          ],
        },
      },
    })
  })

  test.each([
    ['callback-failed-kie', 500, 'Internal Error - Please try again later.'],
    ['callback-failed-sunoapi', 400, 'Vocal separation failed.'],
  ])('reads %s with its code and message', (name, providerCode, message) => {
    expect(callback(JSON.parse(fixture(name)))).toEqual({
      kind: 'reported',
      by: 'callback',
      providerTaskId: vocalTaskId,
      outcome: { state: 'failed', code: 'GENERATION_FAILED', providerCode, message, completedAtMs: null },
      type: null,
      audioId: null,
      musicId: null,
      originUrl: null,
    })
  })

  test('reads SunoAPI’s envelope as Kie’s', () => {
    expect(callback(JSON.parse(fixture('callback-sunoapi-envelope')))).toEqual(
      callback(JSON.parse(fixture('callback-separate-vocal'))),
    )
  })
})

describe('the state in record-info', () => {
  test('is pending, whatever URLs the answer has', () => {
    expect(recordInfo({ successFlag: 'PENDING', response: { vocalUrl, drumsUrl: vocalUrl } })).toMatchObject({
      report: { outcome: { state: 'pending' }, type: null },
    })
  })

  test('is read from status if there is no successFlag', () => {
    expect(outcomeOf({ status: 'SUCCESS', response: { vocalUrl } })).toMatchObject({ state: 'succeeded' })
    expect(outcomeOf({ successFlag: null, status: 'PENDING' })).toEqual({ state: 'pending' })
    expect(outcomeOf({ successFlag: 'PENDING', status: 'SUCCESS' })).toEqual({ state: 'pending' })
  })

  test('is a success without stems if there are no URLs', () => {
    expect(outcomeOf({ successFlag: 'SUCCESS', response: null })).toEqual({
      state: 'succeeded',
      stems: [],
      completedAtMs: null,
    })
  })

  test.each([
    ['CREATE_TASK_FAILED', 'CREATION_FAILED'],
    ['GENERATE_AUDIO_FAILED', 'GENERATION_FAILED'],
    ['CALLBACK_EXCEPTION', 'CALLBACK_FAILED'],
  ])('%s is a failure, unless there is audio', (successFlag, code) => {
    const said = { successFlag, errorCode: '500', errorMessage: ' Out of\u0000luck ', completeTime: 1_753_782_937_000 }
    expect(outcomeOf({ ...said, response: { originUrl: vocalUrl, drumsUrl: '' } })).toEqual({
      state: 'failed',
      code,
      providerCode: 500,
      message: 'Out of luck',
      completedAtMs: 1_753_782_937_000,
    })
    expect(outcomeOf({ ...said, response: { vocalUrl } })).toEqual({
      state: 'succeeded',
      stems: [stem('vocal', vocalUrl)],
      completedAtMs: 1_753_782_937_000,
    })
  })

  test('has a default message for a failure without one', () => {
    const failed = outcomeOf({ successFlag: 'GENERATE_AUDIO_FAILED', errorCode: 'oops', errorMessage: ' ' })
    expect(failed).toMatchObject({ providerCode: null, message: 'The provider could not separate the track.' })
  })

  test('never has a message with the callback URL or with more than 500 characters', () => {
    const token = callbackUrl.split('/').at(-1) ?? ''
    const data = { successFlag: 'CALLBACK_EXCEPTION', callbackUrl }
    for (const words of [callbackUrl, encodeURIComponent(callbackUrl), `token ${token}`, `Bearer the-api-key`]) {
      const failed = outcomeOf({ ...data, errorMessage: `POST ${words} failed: ${'x'.repeat(1_000)}` })
      if (failed.state !== 'failed') throw new Error('not a failure')
      expect(failed.message).not.toContain(token)
      expect(failed.message).not.toContain('the-api-key')
      expect(failed.message).toHaveLength(500)
    }
  })

  test.each([
    ['a state that nobody knows', { successFlag: 'FIRST_SUCCESS' }],
    ['no state', { taskId: 'asked' }],
    ['a state that is neither text nor a number', { successFlag: ['SUCCESS'] }],
    ['another task', { taskId: 'another', successFlag: 'SUCCESS' }],
    ['a list', []],
    ['text', 'SUCCESS'],
  ])('is inconclusive with %s', (_, data) => {
    expect(recordInfo(data)).toMatchObject({ kind: 'inconclusive' })
  })

  test('is read if the id is a number', () => {
    expect(recordInfo({ taskId: 4711, successFlag: 'PENDING' }, '4711')).toMatchObject({ kind: 'found' })
  })

  test.each([404, 422, '422'])('is not visible with code %s', (code) => {
    expect(recordInfo(null, 'asked', code)).toEqual({ kind: 'not-found' })
  })

  test.each([400, 402, 405, 429, 430, 451, 455, 500, 501, 'OK', null, 200.5])(
    'is inconclusive with code %s',
    (code) => {
      expect(recordInfo({ successFlag: 'GENERATE_AUDIO_FAILED' }, 'asked', code)).toMatchObject({
        kind: 'inconclusive',
      })
    },
  )

  test('comes with ids as text or numbers, and with times in any form', () => {
    const said = {
      successFlag: 'PENDING',
      audioId: 17,
      musicId: '',
      createTime: '2025-07-29 09:54:14',
      callbackUrl: '',
    }
    expect(recordInfo(said)).toMatchObject({
      report: { audioId: '17', musicId: null },
      createdAtMs: Date.UTC(2025, 6, 29, 9, 54, 14),
      callbackUrl: null,
    })
  })
})

describe('the parser of stems', () => {
  test('reads camelCase and snake_case alike', () => {
    const camel = stemsOf({
      vocalUrl,
      backingVocalsUrl: 'https://a/b',
      pianoUrl: 'https://a/p',
      harpUrl: 'https://a/h',
    })
    const snake = stemsOf({
      vocal_url: vocalUrl,
      backing_vocals_url: 'https://a/b',
      piano_url: 'https://a/p',
      harp_url: 'https://a/h',
    })
    expect(camel).toEqual(snake)
    expect(camel.map(({ part }) => part)).toEqual(['vocal', 'backingVocals', 'piano', 'other'])
  })

  test('keeps an unknown part under one name, whichever source reports it', () => {
    const spellings = [
      { steelDrumsUrl: 'https://a/h' },
      { steel_drums_url: 'https://a/h' },
      { originData: [{ audio_url: 'https://a/h', stem_type_group_name: 'Steel Drums' }] },
    ]
    for (const info of spellings) expect(stemsOf(info).map(stemName)).toEqual(['other.steel-drums'])
  })

  test('keeps the name of the callback if originData has another name for the same URL', () => {
    const originData = [{ audio_url: 'https://a/h', stem_type_group_name: 'Celtic Harp', duration: 3 }]
    expect(stemsOf({ harpUrl: 'https://a/h', originData })).toEqual([stem('other', 'https://a/h', 'harp', 3)])
  })

  test.each([
    ['Vocals', 'vocal'],
    ['Lead Vocals', 'vocal'],
    ['Backing Vocals', 'backingVocals'],
    ['backing_vocals', 'backingVocals'],
    ['Drums', 'drums'],
    ['Bass', 'bass'],
    ['Guitar', 'guitar'],
    ['Piano', 'piano'],
    ['Keyboards', 'keyboard'],
    ['Percussion', 'percussion'],
    ['Strings', 'strings'],
    ['Synthesizer', 'synth'],
    ['FX', 'fx'],
    ['Effects', 'fx'],
    ['FX/Other', 'fx'],
    ['Brass', 'brass'],
    ['Woodwinds', 'woodwinds'],
    ['Instrumental', 'instrumental'],
    ['Other Tracks', 'other'],
  ])('reads “%s” in originData as %s', (name, part) => {
    const originData = [{ id: '1', duration: 12.5, audio_url: 'https://a/1.mp3', stem_type_group_name: name }]
    expect(stemsOf({ originData })).toEqual([stem(part, 'https://a/1.mp3', name, 12.5, '1')])
  })

  test.each([0, -1, null, 'long', '', true, [5], Number.NaN, {}])('ignores a duration of %s', (duration) => {
    const originData = [{ duration, audio_url: 'https://a/1.mp3', stem_type_group_name: 'Bass' }]
    expect(stemsOf({ originData })).toEqual([stem('bass', 'https://a/1.mp3', 'Bass')])
  })

  test('keeps the same id of several for one file, in any order', () => {
    const originData = ['b', 'a', 'c'].map((id) => ({ id, audio_url: 'https://a/1', stem_type_group_name: 'Bass' }))
    for (const list of [originData, originData.toReversed()]) {
      expect(stemsOf({ bassUrl: 'https://a/1', originData: list })).toEqual([
        stem('bass', 'https://a/1', 'Bass', null, 'a'),
      ])
    }
  })

  test('matches by URL before it matches by name', () => {
    const originData = [
      { duration: 1, audio_url: 'https://a/other.mp3', stem_type_group_name: 'Bass' },
      { duration: 2, audio_url: 'https://a/bass.mp3', stem_type_group_name: 'Low End' },
    ]
    expect(stemsOf({ bassUrl: 'https://a/bass.mp3', originData })).toEqual([
      stem('bass', 'https://a/bass.mp3', 'Low End', 2),
      stem('other', 'https://a/other.mp3', 'Bass 2', 1),
    ])
  })

  test('numbers the second of two URLs with one name, in any order of the list', () => {
    const entries = ['https://a/1.mp3', 'https://a/2.mp3', 'https://a/3.mp3'].flatMap((url) => [
      { audio_url: url, stem_type_group_name: 'Drums' },
      { audio_url: `${url}?harp`, stem_type_group_name: 'Harp' },
    ])
    const labels = stemsOf({ originData: entries }).map(({ part, label }) => [part, label])
    expect(labels).toEqual([
      ['drums', 'Drums'],
      ['other', 'Harp'],
      ['other', 'Drums 2'],
      ['other', 'Harp 2'],
      ['other', 'Drums 3'],
      ['other', 'Harp 3'],
    ])
    expect(stemsOf({ originData: entries.toReversed() })).toEqual(stemsOf({ originData: entries }))
    expect(stemsOf({ drumsUrl: 'https://a/1', drums_url: 'https://a/2' })).toEqual([
      stem('drums', 'https://a/1'),
      stem('other', 'https://a/2', 'Drums 2'),
    ])
  })

  test('encodes a raw space, and omits and reports what is not an http URL', () => {
    const info = {
      vocalUrl: ' https://a/My Song.mp3 ',
      drumsUrl: 'javascript:alert(1)',
      bassUrl: 'nowhere',
      fxUrl: ' ',
    }
    const { stems, omitted } = parseStems(info)
    expect(stems).toEqual([stem('vocal', 'https://a/My%20Song.mp3')])
    expect(omitted).toEqual({ stems: 0, addresses: ['drumsUrl', 'bassUrl'] })
  })

  test('reads the origin in both spellings, and never as a stem', () => {
    expect(parseStems({ originUrl: 'https://a/o' })).toMatchObject({
      stems: [],
      type: null,
      originUrl: 'https://a/o',
    })
    expect(parseStems({ origin_url: 'https://a/o' }).originUrl).toBe('https://a/o')
  })

  test('reads the type only if the parts imply it', () => {
    expect(typeOf({ vocalUrl })).toBeNull()
    expect(typeOf({ vocalUrl, harpUrl: vocalUrl })).toBeNull()
    expect(typeOf({ instrumentalUrl })).toBe('separate_vocal')
    expect(typeOf({ backingVocalsUrl: vocalUrl })).toBe('split_stem')
    expect(typeOf({ pianoUrl: vocalUrl })).toBe('split_stem')
  })

  test('reads 64 of 20,000 stems with one name quickly', () => {
    const originData = Array.from({ length: 20_000 }, (_, i) => ({
      audio_url: `https://a/${i}`,
      stem_type_group_name: 'Harp',
    }))
    expect(new Set(stemsOf({ originData }).map(stemName)).size).toBe(64)
  }, 5_000)
})

test('a task’s secret callback URL is never shown, wherever a provider repeats it', () => {
  const answer = recordInfo({
    successFlag: 'SUCCESS',
    musicId: callbackUrl,
    audioId: `see ${callbackUrl}`,
    response: {
      originUrl: callbackUrl,
      vocalUrl: `${callbackUrl}?a=b`,
      originData: [{ audio_url: 'https://a/1.mp3', stem_type_group_name: callbackUrl }],
    },
  })
  expect(answer.kind === 'found' ? answer.report : null).toMatchObject({
    musicId: null,
    audioId: null,
    originUrl: null,
    outcome: { stems: [stem('other', 'https://a/1.mp3')] },
  })
  expect(submitAnswer(JSON.stringify({ code: 200, data: { taskId: callbackUrl } }))).toEqual({
    kind: 'accepted',
    providerTaskId: null,
  })
  expect(JSON.stringify(callback({ code: 200, data: { task_id: callbackUrl } }) ?? null)).toBe('null')
})

describe('the parser of times', () => {
  const expected = Date.UTC(2025, 6, 29, 9, 55, 37)
  test.each([
    [1_753_782_937_000],
    ['1753782937000'],
    [1_753_782_937],
    ['1753782937'],
    ['2025-07-29T09:55:37Z'],
    ['2025-07-29T09:55:37.000Z'],
    ['2025-07-29T17:55:37+08:00'],
    ['2025-07-29T17:55:37+0800'],
    ['2025-07-29T09:55:37'],
    ['2025-07-29 09:55:37'],
    [' 2025-07-29 09:55:37 '],
  ])('reads %j', (value) => {
    expect(parseTime(value)).toBe(expected)
  })

  test.each([
    [null],
    [undefined],
    [''],
    ['soon'],
    [0],
    [-1],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [Date.UTC(2014, 11, 31)],
    [Date.UTC(2100, 0, 1)],
    [1_753_782_937_000_000],
    ['2025-02-30 00:00:00'],
    ['2025-13-01T00:00:00Z'],
    ['0001-01-01T00:00:00Z'],
    [{}],
    [true],
  ])('reads nothing from %j', (value) => {
    expect(parseTime(value)).toBeNull()
  })
})

describe('the parser of callbacks', () => {
  test('reads the id in both spellings, and as a number', () => {
    expect(callback({ code: 200, data: { taskId: 'a' } })?.providerTaskId).toBe('a')
    expect(callback({ code: 200, data: { task_id: 12 } })?.providerTaskId).toBe('12')
  })

  test('reads a success without stems', () => {
    expect(callback({ code: '200', msg: 'ok', data: { task_id: 'a' } })?.outcome).toEqual({
      state: 'succeeded',
      stems: [],
      completedAtMs: null,
    })
  })

  test('reads a failure with audio as a success', () => {
    const data = { task_id: 'a', vocal_separation_info: null, vocal_removal_info: { vocal_url: vocalUrl } }
    expect(callback({ code: 500, msg: 'error', data })?.outcome).toMatchObject({ state: 'succeeded' })
  })

  test('removes URLs from the provider’s message', () => {
    const report = callback({ code: 500, msg: `POST ${callbackUrl} failed`, data: { task_id: 'a' } })
    expect(report?.outcome).toMatchObject({ message: 'POST [address] failed' })
  })

  test('finds the stems under an unknown key', () => {
    const data = { task_id: 'a', stem_split_info: { drums_url: vocalUrl } }
    expect(callback({ code: 200, data })).toMatchObject({ type: 'split_stem', outcome: { stems: [{ part: 'drums' }] } })
  })

  test.each([
    ['no id', { code: 200, data: { vocal_separation_info: { vocal_url: vocalUrl } } }],
    ['an empty id', { code: 200, data: { task_id: ' ' } }],
    ['neither a code nor audio', { data: { task_id: 'a' } }],
    ['a list', []],
    ['text', 'hello'],
    ['nothing', null],
  ])('ignores a callback with %s', (_, body) => {
    expect(callback(body)).toBeNull()
  })
})

function createProvider(spec: ProviderSpec, webhookKey: string | null): RestProvider {
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  return createRestProvider({
    spec,
    webhookKeys: () => (webhookKey === null ? [] : [webhookKey]),
    log,
    apiKeys: () => [],
    baseUrl: 'http://127.0.0.1:9',
    rates: createInProcessRates({ readsPerSecond: () => 10, submitsPer10Seconds: () => 20 }),
    userAgent: 'test',
  })
}

function signed(atMs: number, key = 'the-webhook-key') {
  const timestamp = String(Math.floor(atMs / 1_000))
  const signature = createHmac('sha256', key).update(`${vocalTaskId}.${timestamp}`).digest('base64')
  return { 'x-webhook-timestamp': timestamp, 'x-webhook-signature': signature }
}

describe('a signature', () => {
  const nowMs = Date.UTC(2026, 0, 1)
  const body: unknown = JSON.parse(fixture('callback-separate-vocal'))

  test('passes if it was made with our key, even at a provider that is off', () => {
    for (const atMs of [nowMs, nowMs - 5 * 60_000, nowMs + 5 * 60_000]) {
      const read = createProvider(kie, 'the-webhook-key').parseCallback({ headers: signed(atMs), body, nowMs })
      expect(read).toEqual({
        providerTaskId: callback(body)?.providerTaskId,
        report: callback(body),
        isSigned: true,
        problem: null,
      })
    }
  })

  test.each([
    ['none', {}, 'the callback is not signed'],
    ['no timestamp', { ...signed(nowMs), 'x-webhook-timestamp': undefined }, 'the callback is not signed'],
    ['one of another key', signed(nowMs, 'another'), 'the signature is wrong'],
    [
      'one of another time',
      { ...signed(nowMs), 'x-webhook-timestamp': String(nowMs / 1_000 + 1) },
      'the signature is wrong',
    ],
    ['one that is cut', { ...signed(nowMs), 'x-webhook-signature': 'abc=' }, 'the signature is wrong'],
    [
      'an unreadable timestamp',
      { ...signed(nowMs), 'x-webhook-timestamp': 'now' },
      "the signature's timestamp cannot be read",
    ],
    ['an old one', signed(nowMs - 301_000), "the signature's timestamp is more than 5 minutes off"],
    ['one of the future', signed(nowMs + 301_000), "the signature's timestamp is more than 5 minutes off"],
  ])('fails with %s', (_, headers, problem) => {
    const read = createProvider(kie, 'the-webhook-key').parseCallback({ headers, body, nowMs })
    // The id may be checked: record-info then shows whose task it is.
    expect(read).toEqual({ providerTaskId: callback(body)?.providerTaskId, report: null, isSigned: false, problem })
  })

  test('is not required without a key, nor of a provider that does not sign, and vouches for nothing then', () => {
    for (const provider of [
      createProvider(kie, null),
      createProvider(sunoapi, 'a-key'),
      createProvider(apikley, 'a-key'),
    ]) {
      const read = provider.parseCallback({ headers: signed(nowMs), body, nowMs })
      expect(read).toEqual({
        providerTaskId: callback(body)?.providerTaskId,
        report: callback(body),
        isSigned: false,
        problem: null,
      })
    }
  })
})

describe('with any input,', () => {
  const usual =
    'code msg data task_id taskId vocal_separation_info response successFlag originData vocalUrl url originUrl'
  const odd = 'Url audio_url stem_type_group_name duration __proto__ constructor'
  const keys = fc.constantFrom(...`${usual} ${odd}`.split(' '))
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 5 }, tie('leaf'), tie('object'), fc.array(tie('value'), { maxLength: 4 })),
    object: fc.array(fc.tuple(keys, tie('value')), { maxLength: 6 }).map((entries) => Object.fromEntries(entries)),
    leaf: fc.oneof(
      fc.constantFrom<unknown>(
        200,
        '200',
        'SUCCESS',
        'PENDING',
        'CALLBACK_EXCEPTION',
        'https://a/b',
        'http://',
        '',
        null,
      ),
      fc.anything(),
      fc.string({ unit: 'binary' }),
    ),
  }))

  test('a callback is read without an exception', () => {
    const provider = createProvider(kie, null)
    fc.assert(
      fc.property(value, (body) => {
        const read = provider.parseCallback({ headers: {}, body, nowMs: 0 })
        expect(read.report === null).toBe(read.problem !== null)
      }),
      { numRuns: 2_000 },
    )
    fc.assert(fc.property(fc.jsonValue(), (body) => provider.parseCallback({ headers: {}, body, nowMs: 0 }) !== null))
  })

  test('record-info is read without an exception', () => {
    fc.assert(
      fc.property(value, (data) => {
        expect(['found', 'not-found', 'inconclusive']).toContain(recordInfo(data).kind)
      }),
      { numRuns: 2_000 },
    )
  })

  test('an answer to a submit is read without an exception', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.json())
    fc.assert(
      fc.property(text, fc.integer({ min: 100, max: 599 }), (body, status) => {
        expect(['accepted', 'refused', 'unknown']).toContain(submitAnswer(body, status).kind)
      }),
    )
  })

  test('no two stems of one answer have the same name', () => {
    const url = fc.constantFrom('https://a/1', 'https://a/2', 'https://a/3', '')
    const name = fc.constantFrom('drums', 'drums 2', 'harp', 'harp 2', 'Harp', 'vocal', '', '!')
    const info = fc.tuple(
      fc.dictionary(
        name.map((it) => `${it}Url`),
        url,
      ),
      fc.array(fc.record({ audio_url: url, stem_type_group_name: name })),
    )
    fc.assert(
      fc.property(info, ([fields, originData]) => {
        const names = stemsOf({ ...fields, originData }).map(stemName)
        expect(new Set(names).size).toBe(names.length)
      }),
    )
  })
})

test('each provider has the base URL of its pages', () => {
  expect(
    [kie, apikley, sunoapi].map(({ name, baseUrl, retentionMs }) => [name, baseUrl, retentionMs / 86_400_000]),
  ).toEqual([
    ['kie', 'https://api.kie.ai', 14],
    ['apikley', 'https://api.apikley.ru', 14],
    ['sunoapi', 'https://api.sunoapi.org', 14],
  ])
})

test('the sandbox has the codes, the signature and the retention of Kie', () => {
  const { codes, retentionMs, signature } = kie
  expect(sandbox).toMatchObject({ name: 'sandbox', baseUrl: null, codes, retentionMs, signature })
})
