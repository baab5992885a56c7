import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  createStemgate,
  OrderRefusedError,
  SeparationFailedError,
  type Stemgate,
  StemgateError,
  type StemgateOptions,
  type Task,
} from '@stemgate/client'
import { webSockets } from '@stemgate/client/web-sockets'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { mobileKey, startGuarded, twoCallers, webKey, wrongKey } from '../support/callers.ts'
import { freePort } from '../support/free-port.ts'
import { startGateway } from '../support/gateway.ts'
import {
  accepted,
  callbackOfSuccess,
  noCredits,
  recordOfSuccess,
  sendBody,
  startPlayedProvider,
  type PlayedProvider,
} from '../support/played-provider.ts'
import { newDatabaseUrl, startProgram } from '../support/program.ts'
import { startSwallowingProxy } from '../support/swallowing-proxy.ts'

const input = { musicTaskId: 'music-task', audioId: 'audio-1' }
const testTrack = { musicTaskId: 'my-music', audioId: 'done' }
/** Short enough for a test to wait for, and long enough for a busy machine. */
const timeoutMs = 1_500

/** The ways in which updates arrive. */
const transports = {
  'server-sent events': {},
  'a WebSocket': { transport: webSockets({ webSocketImpl: WebSocket }) },
} satisfies Record<string, Partial<StemgateOptions>>
type TransportName = keyof typeof transports
const transportNames = Object.keys(transports) as TransportName[]

function clientOf(url: string, options: Partial<StemgateOptions> = {}): Stemgate {
  return createStemgate({ url: `${url}/graphql`, ...options })
}

/** What a call throws. */
async function errorOf(call: Promise<unknown>): Promise<StemgateError> {
  return call.then(
    () => Promise.reject(new Error('It did not fail.')),
    (error: StemgateError) => error,
  )
}

async function finish(provider: PlayedProvider): Promise<void> {
  provider.answerRead(recordOfSuccess('provider-task-1'))
  const { callBackUrl } = (await provider.order(0)).body
  expect(await provider.callBack(callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)
}

/** Collects the states of a task; `first` resolves with the first of them. */
function collectStates(states: AsyncIterable<Task>) {
  const seen: Task[] = []
  let tell = (_task: Task) => {}
  const first = new Promise<Task>((resolve) => (tell = resolve))
  const all = (async () => {
    for await (const task of states) {
      seen.push(task)
      tell(task)
    }
    return seen
  })()
  all.catch(() => {})
  return { first, all, seen }
}

describe.each(transportNames)('with updates over %s', (name) => {
  test('orders a track, shows its states and resolves to its stems', async () => {
    const { url, app } = await startGateway({ SANDBOX_DELAY_MS: '300' })
    const shown: Task[] = []
    const task = await clientOf(url, transports[name]).separateAndWatch(testTrack, {
      onUpdate: (now) => shown.push(now),
    })
    expect(task.allStems.map(({ part }) => part)).toEqual(['VOCAL', 'INSTRUMENTAL'])
    expect(shown[0]).toMatchObject({ status: 'PENDING' })
    expect(shown.at(-1)).toEqual(task)
    const revisions = shown.map(({ revision }) => revision)
    expect(revisions).toEqual([...new Set(revisions)])
    await expect.poll(() => app.subscriptions()).toBe(0)
  })

  test('a gateway that is killed and started again is watched on', async () => {
    const provider = await startPlayedProvider()
    const environment = {
      ...provider.environment,
      DATABASE_URL: await newDatabaseUrl(),
      PORT: String(await freePort()),
    }
    const program = startProgram(environment)
    const client = clientOf(await program.url, transports[name])
    const ordered = await client.separate(input)
    if (ordered.__typename !== 'SeparateSuccess') throw new Error(ordered.message)
    const interruptions: StemgateError[] = []
    const { first, all } = collectStates(
      client.watch(ordered.task.id, { onInterrupted: (error) => interruptions.push(error) }),
    )
    await first
    program.signal('SIGKILL')
    await program.exit
    await expect.poll(() => interruptions.length).toBeGreaterThan(0)
    await startProgram(environment).url
    await finish(provider)
    expect((await all).at(-1)).toMatchObject({ status: 'SUCCESS', settled: true })
    expect(interruptions[0]).toMatchObject({ code: 'UNREACHABLE', retryable: true })
    expect(provider.orders).toHaveLength(1)
  })

  test('a connection that has fallen silent is opened again', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway(provider.environment)
    const proxy = await startSwallowingProxy(Number(new URL(gateway.url).port))
    const client = clientOf(`http://127.0.0.1:${proxy.port}`, { ...transports[name], timeoutMs })
    const { first, all } = collectStates(watchOrder(client))
    await first
    proxy.swallow()
    await finish(provider)
    proxy.heal()
    expect((await all).at(-1)).toMatchObject({ status: 'SUCCESS' })
  })

  test('a token that ends while a task is watched is replaced by a new one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stemgate-keys-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const file = join(folder, 'keys')
    const put = async (key: string) => {
      await writeFile(`${file}.new`, `web:${key}\n`)
      await rename(`${file}.new`, file)
    }
    await put(webKey)
    const provider = await startPlayedProvider()
    const { url } = await startGuarded({ ...provider.environment, API_KEYS_FILE: file })
    const tokens = [webKey, mobileKey]
    let asked = 0
    const client = clientOf(url, { ...transports[name], token: async () => tokens[asked++] ?? wrongKey })
    const { first, all } = collectStates(watchOrder(client))
    await first
    expect(asked).toBe(1)
    await put(mobileKey)
    await expect.poll(() => asked, { timeout: 10_000 }).toBe(2)
    await finish(provider)
    expect((await all).at(-1)).toMatchObject({ status: 'SUCCESS' })
    expect(asked).toBe(2)
  })

  test('a token that is refused is asked for once more, and then the call fails', async () => {
    const { url } = await startGuarded(twoCallers)
    let asked = 0
    const client = clientOf(url, { ...transports[name], token: () => `${wrongKey}-${asked++}` })
    expect(await errorOf(client.watch(newTaskId()).next())).toMatchObject({ code: 'UNAUTHENTICATED', retryable: false })
    expect(asked).toBe(2)
    const fixed = clientOf(url, { ...transports[name], token: wrongKey })
    expect(await errorOf(fixed.watch(newTaskId()).next())).toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('a reader who leaves ends the subscription, not the order', async () => {
    const provider = await startPlayedProvider()
    const { url, app } = await startGateway(provider.environment)
    const client = clientOf(url, transports[name])
    for await (const { id } of watchOrder(client)) {
      // As a component does that is removed while it waits for the next state.
      const waiting = client.watch(id)
      await waiting.next()
      const next = waiting.next()
      await waiting.return?.()
      expect(await next).toMatchObject({ done: true })
      break
    }
    await expect.poll(() => app.subscriptions()).toBe(0)
    const controller = new AbortController()
    const aborted = errorOf(
      client.separateAndWatch(input, { signal: controller.signal, onUpdate: () => controller.abort() }),
    )
    expect(await aborted).toMatchObject({ name: 'AbortError' })
    await expect.poll(() => app.subscriptions()).toBe(0)
    await finish(provider)
    expect(await client.separateAndWatch(input)).toMatchObject({ status: 'SUCCESS' })
    expect(provider.orders).toHaveLength(1)
  })

  test('an unknown task is an error of the code TASK_NOT_FOUND', async () => {
    const { url } = await startGateway()
    const client = clientOf(url, transports[name])
    expect(await errorOf(client.watch(newTaskId()).next())).toMatchObject({ code: 'TASK_NOT_FOUND', retryable: false })
    expect(await client.read(newTaskId())).toBeNull()
  })

  test('all tasks are watched at once, and what changed during an interruption is shown', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway(provider.environment)
    const proxy = await startSwallowingProxy(Number(new URL(gateway.url).port))
    const client = clientOf(`http://127.0.0.1:${proxy.port}`, { ...transports[name], timeoutMs })
    const direct = clientOf(gateway.url)
    await direct.separate(input)
    const controller = new AbortController()
    const pending = { where: { settled: false } }
    const { first, all, seen } = collectStates(client.watchAll(pending, { signal: controller.signal }))
    await first
    await direct.separate({ ...input, audioId: 'audio-2' })
    await expect.poll(() => seen.map(({ audioId }) => audioId)).toContain('audio-2')
    proxy.swallow()
    proxy.cut()
    await finish(provider)
    await expect.poll(async () => (await direct.read((await first).id))?.status, { timeout: 10_000 }).toBe('SUCCESS')
    proxy.heal()
    // It no longer matches, and is shown once more.
    await expect.poll(() => seen.at(-1)?.status, { timeout: 10_000 }).toBe('SUCCESS')
    controller.abort()
    expect(await errorOf(all)).toMatchObject({ name: 'AbortError' })
    await expect.poll(() => gateway.app.subscriptions()).toBe(0)
  })
})

/** Orders, and watches the task. */
async function* watchOrder(client: Stemgate): AsyncGenerator<Task> {
  const ordered = await client.separate(input)
  if (ordered.__typename !== 'SeparateSuccess') throw new Error(ordered.message)
  yield* client.watch(ordered.task.id)
}

describe('an order', () => {
  test.each(['cut off', 'swallowed'])('whose answer is %s is charged once', async (what) => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway(provider.environment)
    const proxy = await startSwallowingProxy(Number(new URL(gateway.url).port))
    let answer = () => {}
    provider.answerSubmit((response, nth) => {
      answer = () => sendBody(response, accepted(`provider-task-${nth}`))
    })
    // With `force`, another key would be another charge.
    const ordered = clientOf(`http://127.0.0.1:${proxy.port}`, { timeoutMs }).separate({ ...input, force: true })
    await provider.order(0)
    proxy.swallow()
    if (what === 'cut off') proxy.cut()
    answer()
    await expect
      .poll(async () => (await gateway.ask('{ separations { nodes { charge } } }')).data)
      .toMatchObject({
        separations: { nodes: [{ charge: 'CHARGED' }] },
      })
    proxy.heal()
    expect(await ordered).toMatchObject({
      __typename: 'SeparateSuccess',
      reused: true,
      idempotencyKey: expect.stringMatching(/^[0-9a-f]{32}$/),
      task: { charge: 'CHARGED' },
    })
    expect(provider.orders).toHaveLength(1)
  })

  test('has a key of its own, so that the same track can be ordered again with `force`', async () => {
    const provider = await startPlayedProvider()
    const { url } = await startGateway(provider.environment)
    const client = clientOf(url)
    const [first, again, forced, given] = [
      await client.separate(input),
      await client.separate(input),
      await client.separate({ ...input, force: true }),
      await client.separate({ ...input, audioId: 'audio-2', idempotencyKey: 'my-key' }),
    ]
    expect([first, again, forced, given]).toMatchObject([
      { reused: false },
      { reused: true },
      { reused: false },
      { reused: false, idempotencyKey: 'my-key' },
    ])
    expect(new Set([first, again, forced].map(({ idempotencyKey }) => idempotencyKey)).size).toBe(3)
    expect(provider.orders).toHaveLength(3)
  })

  test('that is refused is a result of `separate` and an error of `separateAndWatch`', async () => {
    const provider = await startPlayedProvider()
    provider.answerSubmit(noCredits)
    const client = clientOf((await startGateway(provider.environment)).url)
    expect(await client.separate(input)).toMatchObject({ __typename: 'InsufficientCreditsError', retryable: false })
    const error = await errorOf(client.separateAndWatch(input))
    expect(error).toBeInstanceOf(OrderRefusedError)
    expect(error).toMatchObject({ code: 'INSUFFICIENT_CREDITS', message: expect.stringContaining('credits') })
    provider.answerSubmit({ code: 429, msg: 'Too many requests.', data: null })
    expect(await errorOf(client.separateAndWatch(input))).toMatchObject({
      code: 'RATE_LIMITED',
      retryable: true,
      retryAfterSeconds: expect.any(Number),
      refusal: { __typename: 'RateLimitedError' },
    })
  })

  test('keeps its key in the error if it can no longer be watched, so that it is not charged again', async () => {
    const provider = await startPlayedProvider()
    const { url } = await startGateway(provider.environment)
    const refusedStream = new StemgateError('UNAUTHENTICATED', 'The credential is invalid.')
    const transport = () => () => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(refusedStream) }),
    })
    const forced = { ...input, force: true }
    const error = await errorOf(clientOf(url, { transport }).separateAndWatch(forced))
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED', idempotencyKey: expect.stringMatching(/^[0-9a-f]{32}$/) })
    await clientOf(url).separate({ ...forced, idempotencyKey: error.idempotencyKey })
    expect(provider.orders).toHaveLength(1)
  })

  test('whose separation fails is an error with its task', async () => {
    const client = clientOf((await startGateway()).url)
    const error = await errorOf(client.separateAndWatch({ ...testTrack, audioId: 'failed-generation' }))
    expect(error).toBeInstanceOf(SeparationFailedError)
    expect(error).toMatchObject({
      code: 'GENERATION_FAILED',
      message: expect.stringMatching(/\w/),
      task: { status: 'GENERATE_AUDIO_FAILED', charge: 'CHARGED' },
    })
  })

  test('that cannot be sent can be given up at once, and its error has the key', async () => {
    const client = clientOf(`http://127.0.0.1:${await freePort()}`)
    const reason = new Error('The user has left.')
    const controller = new AbortController()
    const ordering = errorOf(client.separate(input, { signal: controller.signal }))
    controller.abort(reason)
    expect(await ordering).toBe(reason)
    // Wrong tokens and wrong addresses are not tried again.
    const { url } = await startGuarded(twoCallers)
    expect(await errorOf(clientOf(url).separate({ ...input, idempotencyKey: 'mine' }))).toMatchObject({
      code: 'UNAUTHENTICATED',
      idempotencyKey: 'mine',
    })
    expect(await errorOf(createStemgate({ url: `${url}/elsewhere` }).separate(input))).toMatchObject({
      code: 'NOT_FOUND',
      retryable: false,
      idempotencyKey: expect.stringMatching(/^[0-9a-f]{32}$/),
    })
  })
})

test('calls that fail at the same time share one new token', async () => {
  const { url } = await startGuarded(twoCallers)
  let asked = 0
  const client = clientOf(url, { token: async () => (asked++ === 0 ? wrongKey : webKey) })
  const calls = Array.from({ length: 5 }, () => client.read(newTaskId()))
  expect(await Promise.all(calls)).toEqual([null, null, null, null, null])
  expect(asked).toBe(2)
})

test('a token function that throws fails the call with its error, and is called again by the next call', async () => {
  const { url } = await startGuarded(twoCallers)
  const failure = new Error('The login has expired.')
  let asked = 0
  const client = clientOf(url, {
    token: async () => {
      if (asked++ === 0) throw failure
      return webKey
    },
  })
  expect(await errorOf(client.read(newTaskId()))).toBe(failure)
  expect(await client.read(newTaskId())).toBeNull()
})

const never = () => new Promise<never>(() => {})

test('a token function that does not answer in time is called again', async () => {
  const { url } = await startGuarded(twoCallers)
  const tokens = [never, async () => wrongKey, never, async () => webKey]
  const started = () => {
    let asked = 0
    return clientOf(url, { timeoutMs, token: () => (tokens[asked++] ?? never)() })
  }
  const interruptions: unknown[] = []
  const onInterrupted = ({ code, cause }: StemgateError) => void interruptions.push([code, String(cause)])
  const [read, ordered, watched] = await Promise.all([
    started().read(newTaskId()),
    started().separate(testTrack),
    errorOf(started().watch(newTaskId(), { onInterrupted }).next()),
  ])
  expect([read, ordered.__typename, watched.code]).toEqual([null, 'SeparateSuccess', 'TASK_NOT_FOUND'])
  const late = ['UNREACHABLE', `Error: There was no token for ${timeoutMs} ms.`]
  expect(interruptions).toEqual([late, late])
})

test('a call that waits for a token can be given up at once', async () => {
  const { url } = await startGuarded(twoCallers)
  for (const first of [[], [async () => wrongKey]]) {
    const leaving = new AbortController()
    const reason = new Error('The page was left.')
    const tokens = [...first, never]
    let asked = 0
    const token = () => {
      if (asked === first.length) setTimeout(() => leaving.abort(reason))
      return (tokens[asked++] ?? never)()
    }
    expect(await errorOf(clientOf(url, { token }).read(newTaskId(), leaving))).toBe(reason)
    expect(await errorOf(clientOf(url, { token: never }).read(newTaskId(), leaving))).toBe(reason)
  }
})

/** A server that answers every request in this way; resolves to its address. */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}

test('events are read whole, wherever a proxy cuts them and whatever their texts contain', async () => {
  const label = 'Lead\u2028event: complete\u2028data: 🎤'
  const state = (revision: number, settled: boolean) => {
    const data = { separationUpdated: { id: 'sep_1', revision, settled, allStems: [{ label }] } }
    return `event: next\r\ndata: ${JSON.stringify({ data })}\r\n\r\n`
  }
  const stream = Buffer.from(`:\r\n\r\n${state(1, false)}${state(2, true)}event: complete\r\ndata:\r\n\r\n`)
  const play = async (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const byte of stream) {
      response.write(Uint8Array.of(byte))
      await nextTurn()
    }
    response.end()
  }
  const url = await serve((_request, response) => void play(response))
  const onInterrupted = (error: StemgateError) => {
    throw error
  }
  const { all } = collectStates(clientOf(url).watch('sep_1', { onInterrupted }))
  expect((await all).at(-1)).toMatchObject({ revision: 2, allStems: [{ label }] })
})

test('an answer that is not a gateway’s is not tried again', async () => {
  const client = clientOf(await serve((_request, response) => response.end('<h1>Hello</h1>')))
  expect(await errorOf(client.separate(input))).toMatchObject({ code: 'BAD_RESPONSE' })
  expect(await errorOf(client.watch(newTaskId()).next())).toMatchObject({ code: 'BAD_RESPONSE' })
})

test('a stem, or all stems of a task, are downloaded as a stream with a readable name', async () => {
  const client = clientOf((await startGateway()).url)
  const task = await client.separateAndWatch(testTrack)
  const [vocal = { url: '' }] = task.allStems
  const file = await client.download(vocal)
  expect(file?.name).toBe('done – Vocals.wav')
  expect((await file?.response.arrayBuffer())?.byteLength).toBeGreaterThan(100_000)
  const archive = await client.download(task)
  expect(archive?.name).toMatch(/\.zip$/)
  expect(archive?.response.headers.get('content-type')).toBe('application/zip')
  await archive?.response.body?.cancel()
  expect(await errorOf(client.download({ archiveUrl: null }))).toMatchObject({ code: 'NO_ARCHIVE' })
  const url = vocal.url.replace(/[^/]+(?=\/[^/]+$)/, 'forged')
  expect(await errorOf(client.download({ url }))).toMatchObject({
    retryable: false,
    message: expect.stringMatching(/\w/),
  })
})

test.each([
  ['TOO_MANY_STREAMS', 503, true],
  ['UNAVAILABLE', 503, true],
  ['PROVIDER_FAILED', 502, true],
  ['FILE_GONE', 410, false],
  ['FILE_NOT_AUDIO', 502, false],
])('a download that fails with %s says whether it may succeed later', async (code, status, retryable) => {
  const url = await serve((_request, response) =>
    response.writeHead(status, { 'retry-after': '2' }).end(JSON.stringify({ code, message: 'Why.' })),
  )
  const says = { code, message: 'Why.', retryable, retryAfterSeconds: 2 }
  expect(await errorOf(clientOf(url).download({ url }))).toMatchObject(says)
})
