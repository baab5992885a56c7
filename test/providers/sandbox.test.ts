import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { createLedger } from '../../src/sandbox/ledger.ts'
import { createSandbox, type SandboxOptions } from '../../src/sandbox/sandbox.ts'
import { testTracks } from '../../src/sandbox/test-tracks.ts'

const apiKey = 'the-key-of-this-test'
const disposals: (() => Promise<void>)[] = []
/** The base URL of callbacks: the receiver of the test, if it has one. */
let callbacksUrl = 'http://127.0.0.1:9/callbacks/'

afterEach(async () => {
  vi.useRealTimers()
  callbacksUrl = 'http://127.0.0.1:9/callbacks/'
  for (const dispose of disposals.splice(0).toReversed()) await dispose()
})

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  disposals.push(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('listens on no port')
  return `http://127.0.0.1:${address.port}`
}

const callbackBody = z.strictObject({
  code: z.int(),
  msg: z.string(),
  data: z.strictObject({ task_id: z.string(), vocal_separation_info: z.record(z.string(), z.string()).nullable() }),
})

interface Callback {
  readonly headers: IncomingMessage['headers']
  readonly path: string
  readonly body: z.infer<typeof callbackBody>
}

/** Receives callbacks. `statusOf` returns the status of the nth answer; null leaves it unanswered. */
async function startReceiver(statusOf: (nth: number) => number | null = () => 200) {
  const received: Callback[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = callbackBody.parse(JSON.parse(Buffer.concat(chunks).toString()))
      received.push({ headers: request.headers, path: request.url ?? '', body })
      const status = statusOf(received.length)
      if (status !== null) response.writeHead(status, { location: '/elsewhere' }).end()
      server.emit('callback')
    })
  })
  const url = await listen(server)
  callbacksUrl = `${url}/hook/`
  return {
    url: `${url}/hook/its-secret`,
    received,
    /** Waits for this number of callbacks. */
    async count(wanted: number): Promise<readonly Callback[]> {
      while (received.length < wanted) await once(server, 'callback')
      return received
    },
  }
}

const answerBody = z.strictObject({ code: z.int(), msg: z.string(), data: z.unknown() })

/** Exactly the documented fields. */
const infoData = z.strictObject({
  taskId: z.string(),
  musicId: z.string(),
  callbackUrl: z.string(),
  audioId: z.string(),
  completeTime: z.int().nullable(),
  response: z.record(z.string(), z.unknown()).nullable(),
  successFlag: z.string(),
  createTime: z.int(),
  errorCode: z.int().nullable(),
  errorMessage: z.string().nullable(),
})
type Info = z.infer<typeof infoData>

const ledgerBody = z.strictObject({
  total: z.int(),
  creditsUsed: z.int(),
  charges: z.array(z.record(z.string(), z.unknown())),
})

async function startSandbox(options: Partial<SandboxOptions> = {}) {
  let url = ''
  const logged: string[] = []
  const sandbox = createSandbox({
    publicUrl: () => url,
    apiKey,
    callbacksUrl: () => callbacksUrl,
    secret: 'a secret',
    delayMs: 20,
    log: (message, detail) => logged.push(JSON.stringify({ message, ...detail })),
    ...options,
    timing: { retryDelaysMs: [1, 2, 3], ...options.timing },
  })
  url = await listen(createServer((request, response) => sandbox.handle(request, response)))
  disposals.push(() => sandbox.close())

  const authorization = `Bearer ${apiKey}`

  async function send(path: string, init: RequestInit = {}): Promise<z.infer<typeof answerBody>> {
    const response = await fetch(`${url}/sandbox${path}`, { headers: { authorization }, ...init })
    expect(response.status).toBe(200)
    return answerBody.parse(await response.json())
  }

  function post(body: unknown) {
    return send('/api/v1/vocal-removal/generate', {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  }

  async function info(taskId: string): Promise<Info | null> {
    const answer = await send(`/api/v1/vocal-removal/record-info?taskId=${taskId}`)
    expect(answer).toMatchObject({ code: 200, msg: 'success' })
    return infoData.nullable().parse(answer.data)
  }

  async function credits(): Promise<number> {
    return z.number().parse((await send('/api/v1/chat/credit')).data)
  }

  async function submit(audioId: string, callBackUrl: string, type?: string): Promise<string> {
    const answer = await post({ taskId: 'music-1', audioId, callBackUrl, type })
    expect(answer).toMatchObject({ code: 200, msg: 'success' })
    return z.strictObject({ taskId: z.string() }).parse(answer.data).taskId
  }

  /** Waits until record-info reports this state. */
  function until(taskId: string, flag: string): Promise<Info | null> {
    return vi.waitFor(async () => {
      const found = await info(taskId)
      expect(found?.successFlag).toBe(flag)
      return found
    })
  }

  async function ledger(): Promise<z.infer<typeof ledgerBody>> {
    return ledgerBody.parse(await (await fetch(`${url}/sandbox/ledger`)).json())
  }

  return { url, logged, sandbox, send, post, submit, info, until, ledger, credits }
}

const nowhere = 'http://127.0.0.1:9/callbacks/nowhere'
const inAnHour = { delayMs: 3_600_000 }

/** Sets the clock, on which record-info depends, without affecting timers. */
function setClock(timeMs: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: timeMs })
}

const separateVocalFields = ['instrumentalUrl', 'vocalUrl']
const splitStemFields = [
  'vocalUrl',
  'backingVocalsUrl',
  'drumsUrl',
  'bassUrl',
  'guitarUrl',
  'pianoUrl',
  'keyboardUrl',
  'percussionUrl',
  'stringsUrl',
  'synthUrl',
  'fxUrl',
  'brassUrl',
  'woodwindsUrl',
]
const urlFields = ['originUrl', ...new Set([...separateVocalFields, ...splitStemFields])]

function urlsOf(info: Info | null): Readonly<Record<string, string>> {
  const entries = Object.entries(info?.response ?? {})
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

describe('a submit', () => {
  const good = { taskId: 'music-1', audioId: 'done', callBackUrl: nowhere, type: 'split_stem' }

  test.each([
    ['is not JSON', 'taskId=1', 400, 'The parameter is not in a valid JSON format'],
    ['is not an object', '[]', 400, 'The parameter is not in a valid JSON format'],
    ['has no taskId', { ...good, taskId: undefined }, 422, 'Please enter taskId.'],
    ['has an empty taskId', { ...good, taskId: '' }, 422, 'Please enter taskId.'],
    ['has no audioId', { ...good, audioId: null }, 422, 'Please enter audioId.'],
    ['has a number as audioId', { ...good, audioId: 7 }, 422, 'Please enter audioId.'],
    ['has no callBackUrl', { ...good, callBackUrl: undefined }, 422, 'Please enter callBackUrl.'],
    ['has a callBackUrl that is none', { ...good, callBackUrl: 'here' }, 422, expect.stringContaining('callBackUrl')],
    ['has a callBackUrl to a file', { ...good, callBackUrl: 'file:///etc' }, 422, expect.stringContaining('http')],
    [
      'has a callBackUrl to another host',
      { ...good, callBackUrl: 'http://192.0.2.1:9/callbacks/x' },
      422,
      'callBackUrl must be below http://127.0.0.1:9/callbacks/.',
    ],
    [
      'has a callBackUrl to another port',
      { ...good, callBackUrl: 'http://127.0.0.1:80/callbacks/x' },
      422,
      'callBackUrl must be below http://127.0.0.1:9/callbacks/.',
    ],
    [
      'has a callBackUrl to another path',
      { ...good, callBackUrl: 'http://127.0.0.1:9/sandbox/ledger' },
      422,
      'callBackUrl must be below http://127.0.0.1:9/callbacks/.',
    ],
    [
      'has a callBackUrl that leaves the path',
      { ...good, callBackUrl: 'http://127.0.0.1:9/callbacks/../x' },
      422,
      'callBackUrl must be below http://127.0.0.1:9/callbacks/.',
    ],
    [
      'has a callBackUrl that leaves the path in code',
      { ...good, callBackUrl: 'http://127.0.0.1:9/callbacks/%2E%2e/x' },
      422,
      'callBackUrl must be below http://127.0.0.1:9/callbacks/.',
    ],
    [
      'has a callBackUrl that leaves the path by a backslash',
      { ...good, callBackUrl: 'http://127.0.0.1:9/callbacks/..\\x' },
      422,
      'callBackUrl must be below http://127.0.0.1:9/callbacks/.',
    ],
    [
      'has a callBackUrl with another host behind an @',
      { ...good, callBackUrl: 'http://127.0.0.1:9@192.0.2.1/callbacks/x' },
      422,
      'callBackUrl must be below http://127.0.0.1:9/callbacks/.',
    ],
    [
      'has a callBackUrl with a name',
      { ...good, callBackUrl: 'http://name@127.0.0.1:9/callbacks/x' },
      422,
      'callBackUrl must be below http://127.0.0.1:9/callbacks/.',
    ],
    [
      'has a callBackUrl with another scheme',
      { ...good, callBackUrl: 'https://127.0.0.1:9/callbacks/x' },
      422,
      'callBackUrl must be below http://127.0.0.1:9/callbacks/.',
    ],
    [
      'has an endless callBackUrl',
      { ...good, callBackUrl: nowhere + 'x'.repeat(620) },
      422,
      'callBackUrl is too long.',
    ],
    ['has an unknown type', { ...good, type: 'split' }, 422, expect.stringContaining('type')],
    ['names a track that does not exist', { ...good, audioId: 'nobody' }, 422, 'Record does not exist'],
    [
      'names a track with an endless suffix',
      { ...good, audioId: `done-${'鼓'.repeat(90)}` },
      422,
      'Record does not exist',
    ],
    ['names a track with its suffix glued on', { ...good, audioId: 'done2' }, 422, 'Record does not exist'],
    ['is too large', { ...good, more: 'x'.repeat(70_000) }, 413, 'The request body is too large'],
    ['names a track without credits', { ...good, audioId: 'no-credits-7' }, 402, expect.any(String)],
    ['names a rate-limited track', { ...good, audioId: 'rate-limited' }, 429, expect.any(String)],
    ['names a track in maintenance', { ...good, audioId: 'maintenance' }, 455, expect.any(String)],
  ])('that %s is refused with HTTP 200 and not charged', async (_, body, code, msg) => {
    const { post, ledger } = await startSandbox()
    expect(await post(body)).toEqual({ code, msg, data: null })
    expect((await ledger()).total).toBe(0)
  })

  test.each([{}, { authorization: 'Bearer another' }, { authorization: 'Bearer sandbox' }, { authorization: apiKey }])(
    'without our key is refused: %j',
    async (headers) => {
      const { send } = await startSandbox()
      for (const [method, path] of [
        ['POST', '/api/v1/vocal-removal/generate'],
        ['GET', '/api/v1/vocal-removal/record-info?taskId=x'],
        ['GET', '/api/v1/chat/credit'],
      ] as const) {
        expect(await send(path, { method, headers })).toEqual({ code: 401, msg: expect.any(String), data: null })
      }
    },
  )

  test('without a type is a separate_vocal', async () => {
    const { submit, ledger } = await startSandbox(inAnHour)
    await submit('done', nowhere)
    expect((await ledger()).charges).toMatchObject([{ type: 'separate_vocal' }])
  })

  test('is charged each time, also for the same track', async () => {
    const { submit, ledger, credits } = await startSandbox(inAnHour)
    const before = await credits()
    const first = await submit('done-1', nowhere)
    const second = await submit('done-1', nowhere, 'split_stem')
    expect(second).not.toBe(first)
    expect(await ledger()).toEqual({
      total: 2,
      creditsUsed: 60,
      charges: [
        {
          taskId: first,
          audioId: 'done-1',
          musicTaskId: 'music-1',
          type: 'separate_vocal',
          chargedAt: expect.any(Number),
        },
        {
          taskId: second,
          audioId: 'done-1',
          musicTaskId: 'music-1',
          type: 'split_stem',
          chargedAt: expect.any(Number),
        },
      ],
    })
    expect(before - (await credits())).toBe(60)
    expect(before % 1).not.toBe(0)
  })

  test('of a client that disconnects midway is not charged and logs nothing', async () => {
    const { url, ledger, logged } = await startSandbox()
    const leaving = new AbortController()
    const body = new ReadableStream({
      pull(controller) {
        controller.enqueue(Buffer.from('{'))
        leaving.abort()
      },
    })
    const headers = { authorization: `Bearer ${apiKey}` }
    const init = { method: 'POST', headers, body, duplex: 'half' as const, signal: leaving.signal }
    await expect(fetch(`${url}/sandbox/api/v1/vocal-removal/generate`, init)).rejects.toThrow('abort')
    expect(await ledger()).toEqual({ total: 0, creditsUsed: 0, charges: [] })
    expect(logged).toEqual([])
  })
})

test('the ledger lists the last 10,000 charges and counts all', () => {
  const ledger = createLedger()
  for (let nth = 1; nth <= 10_001; nth++) {
    ledger.charge({ taskId: `t${nth}`, audioId: 'done', musicTaskId: 'm', type: 'separate_vocal', chargedAt: nth })
  }
  const { total, creditsUsed, charges } = ledger.list()
  expect({ total, creditsUsed, listed: charges.length }).toEqual({
    total: 10_001,
    creditsUsed: 100_010,
    listed: 10_000,
  })
  expect(charges[0]?.taskId).toBe('t2')
})

test.each([
  ['GET', '/api/v1/vocal-removal/generate'],
  ['POST', '/api/v1/vocal-removal/record-info'],
  ['GET', '/api/v1/generate'],
  ['POST', '/ledger'],
  ['GET', '/files/../ledger.wav'],
  ['GET', '/files/accordion.wav'],
  ['POST', '/files/mix.wav'],
  ['GET', ''],
])('%s %s is not found', async (method, path) => {
  const { url } = await startSandbox()
  const headers = { authorization: `Bearer ${apiKey}` }
  const response = await fetch(`${url}/sandbox${path}`, { method, headers })
  expect(response.status).toBe(404)
  expect(await response.json()).toEqual({ code: 404, msg: 'Not Found', data: null })
})

test('the sandbox lists its test tracks', async () => {
  const { url } = await startSandbox()
  const listed: unknown = await (await fetch(`${url}/sandbox/tracks`)).json()
  expect(listed).toEqual(testTracks.map(({ audioId, description }) => ({ audioId, description })))
})

describe('a task', () => {
  test('is pending until its duration has passed', async () => {
    const { submit, info } = await startSandbox(inAnHour)
    const taskId = await submit('done', nowhere)
    expect(taskId).toMatch(/^[\w-]{50,300}$/)
    expect(await info(taskId)).toEqual({
      taskId,
      musicId: expect.any(String),
      callbackUrl: nowhere,
      audioId: 'done',
      completeTime: null,
      response: null,
      successFlag: 'PENDING',
      createTime: expect.any(Number),
      errorCode: null,
      errorMessage: null,
    })
  })

  test('of type separate_vocal has 2 stems, in a callback and in record-info', async () => {
    const receiver = await startReceiver()
    const { submit, info, url } = await startSandbox()
    const taskId = await submit('done', receiver.url, 'separate_vocal')
    const [callback] = await receiver.count(1)

    expect(callback?.path).toBe('/hook/its-secret')
    expect(callback?.headers['content-type']).toBe('application/json')
    expect(callback?.headers['user-agent']).toBeTruthy()
    const found = await info(taskId)
    const urls = urlsOf(found)
    expect(callback?.body).toEqual({
      code: 200,
      msg: 'vocal separation generated successfully.',
      data: {
        task_id: taskId,
        vocal_separation_info: {
          origin_url: urls['originUrl'],
          instrumental_url: urls['instrumentalUrl'],
          vocal_url: urls['vocalUrl'],
        },
      },
    })
    expect(found).toMatchObject({ taskId, successFlag: 'SUCCESS', errorCode: null, errorMessage: null })
    expect(found?.completeTime).toBe((found?.createTime ?? 0) + 20)
    expect(Object.keys(found?.response ?? {}).toSorted()).toEqual([...urlFields, 'originData'].toSorted())
    expect(Object.keys(urls).toSorted()).toEqual(['instrumentalUrl', 'originUrl', 'vocalUrl'])
    for (const stemUrl of Object.values(urls)) expect(stemUrl).toMatch(`${url}/sandbox/files/`)
    expect(found?.response?.['originData']).toEqual([
      expect.objectContaining({
        stem_type_group_name: 'Instrumental',
        audio_url: urls['instrumentalUrl'],
        duration: 8,
      }),
      expect.objectContaining({ stem_type_group_name: 'Vocals', audio_url: urls['vocalUrl'], duration: 8 }),
    ])
  })

  test('of type split_stem has 13 stems in record-info and no piano in the callback', async () => {
    const receiver = await startReceiver()
    const { submit, info } = await startSandbox()
    const taskId = await submit('done', receiver.url, 'split_stem')
    const [callback] = await receiver.count(1)
    const stemUrls = { ...callback?.body.data.vocal_separation_info }
    expect(Object.keys(stemUrls)).toHaveLength(13)
    expect(stemUrls).toHaveProperty('origin_url')
    expect(stemUrls).toHaveProperty('backing_vocals_url')
    expect(stemUrls).not.toHaveProperty('piano_url')

    const found = await info(taskId)
    expect(Object.keys(urlsOf(found)).toSorted()).toEqual(['originUrl', ...splitStemFields].toSorted())
    expect(found?.response?.['instrumentalUrl']).toBeNull()
    expect(found?.response?.['originData']).toHaveLength(13)
    expect(new Set(Object.values(urlsOf(found))).size).toBe(14)
  })

  test('has other URLs than another task', async () => {
    const { submit, info } = await startSandbox({ delayMs: 0 })
    const [first, second] = [await submit('silent', nowhere), await submit('silent', nowhere)]
    expect(urlsOf(await info(first))['vocalUrl']).not.toBe(urlsOf(await info(second))['vocalUrl'])
  })

  test('survives a restart', async () => {
    const first = await startSandbox({ delayMs: 0 })
    const taskId = await first.submit('silent', nowhere)
    await first.sandbox.close()
    const second = await startSandbox(inAnHour)
    expect(await second.info(taskId)).toMatchObject({ taskId, callbackUrl: nowhere, successFlag: 'SUCCESS' })
  })

  test('is unknown to a sandbox with another secret', async () => {
    const first = await startSandbox()
    const taskId = await first.submit('done', nowhere)
    const second = await startSandbox({ secret: 'another secret' })
    expect(await second.info(taskId)).toBeNull()
  })

  test('is not found by an id that is forged, changed or encoded differently', async () => {
    const { submit, info, send } = await startSandbox()
    const taskId = await submit('done', nowhere)
    const changed = (taskId.startsWith('A') ? 'B' : 'A') + taskId.slice(1)
    for (const id of [
      '5c79be8e',
      'A'.repeat(200),
      'A'.repeat(5000),
      changed,
      `${taskId}A`,
      `${taskId}=`,
      `${taskId}!`,
    ]) {
      expect(await info(encodeURIComponent(id))).toBeNull()
    }
    expect(await send('/api/v1/vocal-removal/record-info')).toEqual({
      code: 422,
      msg: 'Please enter taskId.',
      data: null,
    })
  })

  test('does not show its callback URL in its id', async () => {
    const { submit } = await startSandbox()
    const taskId = await submit('done', nowhere)
    expect(Buffer.from(taskId, 'base64url').toString('latin1')).not.toContain('127.0.0.1')
  })
})

describe('a callback', () => {
  test('that is never accepted is sent four times; then record-info has CALLBACK_EXCEPTION and the audio', async () => {
    const receiver = await startReceiver(() => 500)
    const { submit, until, logged } = await startSandbox()
    const taskId = await submit('done', receiver.url)
    const found = await until(taskId, 'CALLBACK_EXCEPTION')
    expect(receiver.received).toHaveLength(4)
    expect(found).toMatchObject({ errorCode: 500, errorMessage: expect.any(String), completeTime: expect.any(Number) })
    expect(urlsOf(found)).toHaveProperty('vocalUrl')
    expect(logged).toHaveLength(4)
    expect(logged.join()).toContain('HTTP 500')
    expect(logged.join()).not.toContain('its-secret')
  })

  test('that is accepted at the third attempt is a success', async () => {
    const receiver = await startReceiver((nth) => (nth < 3 ? 503 : 200))
    const { submit, info, sandbox } = await startSandbox()
    const taskId = await submit('done', receiver.url)
    const received = await receiver.count(3)
    expect(received[2]?.body).toEqual(received[0]?.body)
    await sandbox.close()
    expect(await info(taskId)).toMatchObject({ successFlag: 'SUCCESS' })
    expect(receiver.received).toHaveLength(3)
  })

  test('follows no redirect', async () => {
    const receiver = await startReceiver(() => 302)
    const { submit, until } = await startSandbox()
    await until(await submit('done', receiver.url), 'CALLBACK_EXCEPTION')
    expect(receiver.received.map(({ path }) => path)).toEqual(Array(4).fill('/hook/its-secret'))
  })

  test('is aborted if the receiver does not answer in time', async () => {
    const receiver = await startReceiver(() => null)
    const timing = { callbackTimeoutMs: 50, retryDelaysMs: [1] }
    const { submit, until, logged } = await startSandbox({ timing })
    await until(await submit('done', receiver.url), 'CALLBACK_EXCEPTION')
    expect(receiver.received).toHaveLength(2)
    expect(logged.join()).toContain('TimeoutError')
  })

  test('to a closed port leaves a failed task failed', async () => {
    const { submit, until, logged } = await startSandbox()
    const taskId = await submit('failed-generation', nowhere)
    await vi.waitFor(() => expect(logged).toHaveLength(4))
    await until(taskId, 'GENERATE_AUDIO_FAILED')
  })

  test('is not sent once the sandbox is closed', async () => {
    const receiver = await startReceiver(() => null)
    const { submit, sandbox, logged } = await startSandbox()
    await submit('done', receiver.url)
    await receiver.count(1)
    await sandbox.close()
    expect(logged).toEqual([])
  })
})

describe('the test track', () => {
  test('done succeeds, with any suffix', async () => {
    const receiver = await startReceiver()
    const { submit, info } = await startSandbox()
    const taskId = await submit('done-and-done-again', receiver.url)
    await receiver.count(1)
    expect(await info(taskId)).toMatchObject({ audioId: 'done-and-done-again', successFlag: 'SUCCESS' })
  })

  test('slow takes 10 times as long', async () => {
    const { submit, info } = await startSandbox({ delayMs: 60_000 })
    const taskId = await submit('slow', nowhere)
    const createdAtMs = (await info(taskId))?.createTime ?? 0
    setClock(createdAtMs + 599_999)
    expect((await info(taskId))?.successFlag).toBe('PENDING')
    setClock(createdAtMs + 600_000)
    expect((await info(taskId))?.successFlag).toBe('SUCCESS')
  })

  test.each([
    ['silent', 'SUCCESS', null],
    ['exception-with-audio', 'CALLBACK_EXCEPTION', 500],
  ])('%s sends no callback, and record-info has %s with audio', async (audioId, flag, errorCode) => {
    const receiver = await startReceiver()
    const { submit, until } = await startSandbox()
    const found = await until(await submit(audioId, receiver.url), flag)
    expect(found?.errorCode).toBe(errorCode)
    expect(urlsOf(found)).toHaveProperty('instrumentalUrl')
    const later = await submit('done', receiver.url)
    const received = await receiver.count(1)
    expect(received.map(({ body }) => body.data.task_id)).toEqual([later])
  })

  test('doubled sends the same callback three times', async () => {
    const receiver = await startReceiver()
    const { submit } = await startSandbox()
    await submit('doubled', receiver.url)
    const [first, second, third] = await receiver.count(3)
    expect(second?.body).toEqual(first?.body)
    expect(third?.body).toEqual(first?.body)
  })

  test.each([
    ['failed-creation', 'CREATE_TASK_FAILED'],
    ['failed-generation', 'GENERATE_AUDIO_FAILED'],
  ])('%s is charged and ends as %s', async (audioId, flag) => {
    const receiver = await startReceiver()
    const { submit, info, ledger } = await startSandbox()
    const taskId = await submit(audioId, receiver.url)
    const [callback] = await receiver.count(1)
    expect(callback?.body).toEqual({
      code: 500,
      msg: expect.any(String),
      data: { task_id: taskId, vocal_separation_info: null },
    })
    expect(await info(taskId)).toMatchObject({
      successFlag: flag,
      errorCode: 500,
      errorMessage: callback?.body.msg,
      response: null,
    })
    expect((await ledger()).total).toBe(1)
  })

  test('empty-stems succeeds and never has a URL', async () => {
    const receiver = await startReceiver()
    const { submit, info } = await startSandbox()
    const taskId = await submit('empty-stems', receiver.url, 'split_stem')
    const [callback] = await receiver.count(1)
    expect(callback?.body.code).toBe(200)
    expect(new Set(Object.values(callback?.body.data.vocal_separation_info ?? {}))).toEqual(new Set(['']))
    setClock(Date.now() + 86_400_000)
    const found = await info(taskId)
    expect(found?.successFlag).toBe('SUCCESS')
    expect(new Set(Object.values(found?.response ?? {}))).toEqual(new Set([null]))
  })

  test('late-stems sends a callback without URLs and has them in record-info later', async () => {
    const receiver = await startReceiver()
    const quick = await startSandbox()
    await quick.submit('late-stems', receiver.url)
    const [callback] = await receiver.count(1)
    expect(callback?.body).toMatchObject({
      code: 200,
      data: { vocal_separation_info: { origin_url: '', vocal_url: '', instrumental_url: '' } },
    })

    const { submit, info } = await startSandbox({ delayMs: 60_000 })
    const taskId = await submit('late-stems', receiver.url)
    const createdAtMs = (await info(taskId))?.createTime ?? 0
    setClock(createdAtMs + 60_000)
    const early = await info(taskId)
    expect(early?.successFlag).toBe('SUCCESS')
    expect(urlsOf(early)).toEqual({})
    setClock(createdAtMs + 120_000)
    expect(urlsOf(await info(taskId))).toHaveProperty('vocalUrl')
  })

  test('hanging-answer is charged and sends a callback long before its submit is answered', async () => {
    const receiver = await startReceiver()
    const { post, ledger, sandbox } = await startSandbox()
    const body = { taskId: 'music-1', audioId: 'hanging-answer', callBackUrl: receiver.url }
    const answer = post(body).catch((error: unknown) => error)
    const [callback] = await receiver.count(1)
    expect((await ledger()).charges).toMatchObject([{ taskId: callback?.body.data.task_id }])
    await sandbox.close()
    expect(await answer).toBeInstanceOf(TypeError)
  })

  test('hanging-answer is eventually answered', async () => {
    const { submit, info } = await startSandbox({ ...inAnHour, timing: { lateAnswerMs: 30 } })
    expect(await info(await submit('hanging-answer', nowhere))).toMatchObject({ successFlag: 'PENDING' })
  })

  test('lost-answer is charged and sends a callback, but its submit is never answered', async () => {
    const receiver = await startReceiver()
    const { post, ledger, info } = await startSandbox()
    const body = { taskId: 'music-1', audioId: 'lost-answer', callBackUrl: receiver.url }
    await expect(post(body)).rejects.toThrow('fetch failed')
    const [callback] = await receiver.count(1)
    expect((await ledger()).charges).toMatchObject([{ taskId: callback?.body.data.task_id }])
    expect(await info(callback?.body.data.task_id ?? '')).toMatchObject({ successFlag: 'SUCCESS' })
  })
})
