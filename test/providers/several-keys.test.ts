import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { createInProcessRates } from '../../src/coordination/in-process-rates.ts'
import { kie } from '../../src/providers/vocal-removal/kie.ts'
import { createRestProvider, defaultTimeouts } from '../../src/providers/vocal-removal/rest-provider.ts'
import { sunoapi } from '../../src/providers/vocal-removal/sunoapi.ts'
import type { ProviderSpec } from '../../src/providers/vocal-removal/spec.ts'
import { maxSendingMs } from '../../src/separation/check/conclusion.ts'
import { canary } from '../support/canaries.ts'
import { rowsOf } from '../support/database.ts'
import { someTrack, startGateway, type TestGateway } from '../support/gateway.ts'
import { readMetrics } from '../support/metrics.ts'
import {
  accepted,
  noCredits,
  recordOfSuccess,
  sendBody,
  startPlayedProvider,
  type PlayedProvider,
} from '../support/played-provider.ts'

const [first, second, third] = ['a', 'b', 'c'].map((name) => `key-${name}-${canary}`) as [string, string, string]
const keyRefused = { code: 401, msg: 'You do not have access permissions.', data: null }
const serverError = { code: 500, msg: 'Server error', data: null }
const noSuchTrack = { code: 422, msg: 'Record does not exist', data: null }
const pending = { code: 200, msg: 'success', data: { successFlag: 'PENDING' } }
const unknownTask = { code: 200, msg: 'success', data: null }

type Answer = (response: ServerResponse) => void
const body =
  (answer: object, status = 200): Answer =>
  (response) =>
    sendBody(response, answer, status)
const hang: Answer = () => {}
const keyRefusedWithId = { ...keyRefused, data: { taskId: 'provider-task-1' } }

/** The key that a request was sent with. */
function keyOf(response: ServerResponse): string {
  return (response.req.headers.authorization ?? '').replace('Bearer ', '')
}

/** The keys of all orders that the provider received, in their order. */
function keysOf(provider: PlayedProvider): readonly (string | undefined)[] {
  return provider.orders.map(({ headers }) => headers.authorization?.replace('Bearer ', ''))
}

/** A provider that answers orders by their key, and accepts those of all other keys. */
async function playKeys(answers: Readonly<Record<string, Answer>>): Promise<PlayedProvider> {
  const provider = await startPlayedProvider()
  answerByKey(provider, answers)
  return provider
}

function answerByKey(provider: PlayedProvider, answers: Readonly<Record<string, Answer>>): void {
  provider.answerSubmit((response, nth) => {
    const answer = answers[keyOf(response)] ?? body(accepted(`provider-task-${nth}`))
    answer(response)
  })
}

async function start(provider: PlayedProvider, keys: readonly string[], more: Readonly<Record<string, string>> = {}) {
  return startGateway({ ...provider.environment, KIE_API_KEY: keys.join(','), ...more })
}

interface Answered {
  readonly __typename: string
  readonly message?: string
  readonly task?: { readonly id: string; readonly charge: string; readonly status: string } | null
}

async function order(gateway: TestGateway, audioId: string) {
  const { data, errors } = await gateway.ask(
    `mutation ($input: SeparateInput!) { separate(input: $input) { __typename
      ... on SeparateSuccess { task { id charge status } }
      ... on SeparateError { message refused: task { id charge status } } } }`,
    { input: { ...someTrack, audioId } },
  )
  if (errors !== undefined) throw new Error(errors[0]?.message)
  const separated = data?.['separate'] as (Answered & { readonly refused?: Answered['task'] }) | undefined
  if (separated === undefined) throw new Error('The order has no answer.')
  const { refused = null, ...answer } = separated
  return { ...answer, task: answer.task ?? refused }
}

function linesOf(gateway: TestGateway, event: string): readonly Record<string, unknown>[] {
  return gateway.logged
    .map((line): Record<string, unknown> => JSON.parse(line))
    .filter((line) => line['event'] === event)
}

describe.each([
  ['does not accept', body(keyRefused), 'key-not-accepted', 'orders-refused'],
  ['does not accept, also by its status', body(keyRefused, 401), 'key-not-accepted', 'orders-refused'],
  ['has no credits for', body(noCredits), 'insufficient-credits', 'credits-used-up'],
])('a key that the provider %s', (_name, refusal, reason, outage) => {
  test('is followed by the next one, once, and then set aside', async () => {
    const provider = await playKeys({ [first]: refusal })
    const gateway = await start(provider, [first, second])
    expect(await order(gateway, 'one')).toMatchObject({ __typename: 'SeparateSuccess', task: { charge: 'CHARGED' } })
    expect(keysOf(provider)).toEqual([first, second])
    expect(await order(gateway, 'two')).toMatchObject({ __typename: 'SeparateSuccess' })
    expect(keysOf(provider)).toEqual([first, second, second])

    expect(linesOf(gateway, 'order.next-key')).toMatchObject([{ provider: 'kie', key: 1, reason }])
    expect(linesOf(gateway, 'outage.began')).toMatchObject([{ outage, provider: 'kie', key: 1 }])
    expect(linesOf(gateway, 'task.accepted')).toMatchObject([{ key: 2 }, { key: 2 }])
    const metrics = await readMetrics(gateway.url)
    const shown = (name: string) => ['1', '2'].map((key) => metrics.value(name, { provider: 'kie', key }))
    expect(shown('stemgate_provider_key_set_aside')).toEqual([1, 0])
    expect(shown('stemgate_provider_key_accepted')).toEqual([reason === 'key-not-accepted' ? 0 : 1, 1])
    expect((await gateway.ask('{ providers { available } }')).data).toEqual({ providers: [{ available: true }] })
  })

  test('is used once by each of 40 orders at a time, and each is accepted once', async () => {
    const provider = await playKeys({ [first]: refusal })
    const gateway = await start(provider, [first, second])
    const answers = await Promise.all(Array.from({ length: 40 }, (_, nth) => order(gateway, `track-${nth}`)))
    expect(new Set(answers.map(({ task }) => task?.charge))).toEqual(new Set(['CHARGED']))
    const tracksOf = (key: string) =>
      provider.orders
        .filter(({ headers }) => headers.authorization === `Bearer ${key}`)
        .map((each) => each.body.audioId)
    expect(tracksOf(second).toSorted()).toEqual(Array.from({ length: 40 }, (_, nth) => `track-${nth}`).toSorted())
    expect(new Set(tracksOf(first)).size).toBe(tracksOf(first).length)
  })
})

describe('no other key is used', () => {
  test.each<readonly [string, Answer, charge: string]>([
    ['an error of the provider', body(serverError), 'MAYBE'],
    ['a code that nobody knows', body({ code: 777, msg: '?', data: null }), 'MAYBE'],
    ['an answer that is cut off', (response) => void response.destroy(), 'MAYBE'],
    ['a body that is cut off', cutBody(200), 'MAYBE'],
    ['a body that is cut off, with status 401', cutBody(401), 'MAYBE'],
    ['a code 401 with a task id', body(keyRefusedWithId), 'MAYBE'],
    ['a code 401 with a task id in text', body({ ...keyRefused, data: '{"task_id":7}' }, 401), 'MAYBE'],
    ['missing credits with a task id', body({ ...noCredits, data: { taskId: 'provider-task-1' } }), 'MAYBE'],
    ['a success without an id', body({ code: 200, msg: 'success', data: {} }), 'MAYBE'],
    ['HTML with status 502', (response) => void response.writeHead(502).end('<html>'), 'MAYBE'],
    ['HTML with status 402', (response) => void response.writeHead(402).end('<html>'), 'MAYBE'],
    ['HTML with status 401', (response) => void response.writeHead(401).end('<html>'), 'NONE'],
    ['a code 401 with status 502', body(keyRefused, 502), 'NONE'],
    ['a track that does not exist', body(noSuchTrack), 'NONE'],
    ['a rate limit', body({ code: 429, msg: 'Too many', data: null }), 'NONE'],
    ['a rate limit by status', (response) => void response.writeHead(429).end(), 'NONE'],
    ['maintenance', body({ code: 455, msg: 'Later', data: null }), 'NONE'],
  ])('after %s', async (_name, answer, charge) => {
    const provider = await playKeys({ [first]: answer })
    const gateway = await start(provider, [first, second])
    expect((await order(gateway, 'one')).task).toMatchObject({ charge })
    expect(keysOf(provider)).toEqual([first])
    expect(linesOf(gateway, 'order.next-key')).toEqual([])
    expect(linesOf(gateway, charge === 'MAYBE' ? 'task.unanswered' : 'task.refused')).toMatchObject([{ key: 1 }])
  })

  test('while the first one gets no answer, nor when it is cut off later', async () => {
    let cut = () => {}
    const provider = await playKeys({ [first]: (response) => void (cut = () => response.destroy()) })
    const gateway = await start(provider, [first, second], { SUBMIT_TIMEOUT_SECONDS: '0.2' })
    expect((await order(gateway, 'one')).task).toMatchObject({ charge: 'MAYBE', status: 'PENDING' })
    cut()
    await expect.poll(() => linesOf(gateway, 'task.unanswered')).toHaveLength(1)
    expect(keysOf(provider)).toEqual([first])
  })

  test('after a stop, although the first one is refused then', async () => {
    let refuse = () => {}
    const provider = await playKeys({ [first]: (response) => void (refuse = () => sendBody(response, keyRefused)) })
    const gateway = await start(provider, [first, second], { SUBMIT_TIMEOUT_SECONDS: '0.2' })
    await order(gateway, 'one')
    await gateway.close()
    refuse()
    expect(await rowsOf(gateway, 'select charge from tasks')).toMatchObject([{ charge: 'MAYBE' }])
    expect(keysOf(provider)).toEqual([first])
  })

  test('when the second one hangs after the first was refused: the charge is unknown', async () => {
    const provider = await playKeys({ [first]: body(keyRefused), [second]: hang })
    const gateway = await start(provider, [first, second, third], { SUBMIT_TIMEOUT_SECONDS: '0.2' })
    expect((await order(gateway, 'one')).task).toMatchObject({ charge: 'MAYBE' })
    expect(keysOf(provider)).toEqual([first, second])
  })
})

test('a refusal after the caller’s timeout is followed by the next key, once, and equal orders join meanwhile', async () => {
  let refuse = () => {}
  const provider = await playKeys({ [first]: (response) => void (refuse = () => sendBody(response, keyRefused)) })
  const gateway = await start(provider, [first, second], { SUBMIT_TIMEOUT_SECONDS: '0.2' })
  const { task } = await order(gateway, 'one')
  expect(task).toMatchObject({ charge: 'MAYBE', status: 'PENDING' })
  const joining = Promise.all([order(gateway, 'one'), order(gateway, 'one')])
  refuse()
  expect((await joining).map((each) => each.task?.id)).toEqual([task?.id, task?.id])
  await expect.poll(() => linesOf(gateway, 'task.accepted')).toMatchObject([{ taskId: task?.id, key: 2 }])
  expect((await order(gateway, 'one')).task).toMatchObject({ id: task?.id, charge: 'CHARGED' })
  expect(keysOf(provider)).toEqual([first, second])
})

test('a refusal that comes late ends the order, and the next order uses the next key', async () => {
  const provider = await playKeys({ [first]: body(keyRefused) })
  const client = openClient(kie, provider, { setAsideMs: 60_000, timeouts: { nextKeyMs: 0 } })
  expect(await client.submit(someOrder)).toMatchObject({ kind: 'refused', key: 1, refusal: { reason: 'unavailable' } })
  expect(await client.submit(someOrder)).toMatchObject({ kind: 'accepted', key: 2 })
  expect(keysOf(provider)).toEqual([first, second])
})

test('the last request for an order ends before the operator may say that it was not charged', () => {
  const { nextKeyMs, connectMs, submitMs } = defaultTimeouts
  expect(nextKeyMs + connectMs + submitMs).toBeLessThan(maxSendingMs)
})

describe('keys that are replaced while an order waits for its answer:', () => {
  /** Orders with the first key, replaces the keys, and lets the provider refuse the first one then. */
  async function replaceMeanwhile(keys: readonly string[]) {
    let refuse = () => {}
    const provider = await playKeys({ [first]: (response) => void (refuse = () => sendBody(response, keyRefused)) })
    let current: readonly string[] = [first, second]
    const lines: object[] = []
    const client = openClient(kie, provider, { setAsideMs: 60_000, apiKeys: () => current, lines })
    const submitted = client.submit(someOrder)
    await provider.order(0)
    current = keys
    client.state()
    refuse()
    return { submitted: await submitted, keys: keysOf(provider), lines }
  }

  test('one that was removed is not used', async () => {
    const { submitted, keys, lines } = await replaceMeanwhile([first, third])
    expect(submitted).toMatchObject({ kind: 'refused', key: 1, refusal: { reason: 'unavailable' } })
    expect(keys).toEqual([first])
    expect(lines).not.toContainEqual(expect.objectContaining({ event: 'order.next-key' }))
  })

  test('one that stays is used, and no outage begins for the one that was removed', async () => {
    const { submitted, keys, lines } = await replaceMeanwhile([second])
    expect(submitted).toMatchObject({ kind: 'accepted' })
    expect(keys).toEqual([first, second])
    expect(lines).toMatchObject([{ event: 'order.next-key', key: 1 }])
  })
})

test('an HTML 401 is not sent again, but the next order uses the next key', async () => {
  const provider = await playKeys({ [first]: (response) => void response.writeHead(401).end('<html>') })
  const gateway = await start(provider, [first, second])
  expect(await order(gateway, 'one')).toMatchObject({
    __typename: 'ProviderUnavailableError',
    task: { charge: 'NONE' },
  })
  expect(await order(gateway, 'two')).toMatchObject({ __typename: 'SeparateSuccess' })
  expect(keysOf(provider)).toEqual([first, second])
})

test('an order that every key is refused for is refused once, charges nothing and gives its budget back', async () => {
  const provider = await playKeys({ [first]: body(noCredits), [second]: body(keyRefused) })
  const gateway = await start(provider, [first, second], { ORDERS_PER_DAY: '1' })
  expect(await order(gateway, 'one')).toMatchObject({
    __typename: 'InsufficientCreditsError',
    task: { charge: 'NONE' },
  })
  expect(keysOf(provider)).toEqual([first, second])
  expect((await gateway.ask('{ providers { available } }')).data).toEqual({ providers: [{ available: true }] })
  // Both are set aside, and are tried all the same.
  answerByKey(provider, { [first]: body(noCredits) })
  expect(await order(gateway, 'two')).toMatchObject({ __typename: 'SeparateSuccess' })
  expect(keysOf(provider)).toEqual([first, second, first, second])
})

test('an account that cannot tell whether there is a track does not hide that another lacks credits', async () => {
  const provider = await playKeys({ [first]: body(noCredits), [second]: body(noSuchTrack) })
  const gateway = await start(provider, [first, second])
  expect(await order(gateway, 'one')).toMatchObject({ __typename: 'InsufficientCreditsError' })
})

test.each([
  [kie, 402],
  [sunoapi, 429],
])('the code that means no credits is the provider’s own: $0.name', async (spec, code) => {
  const provider = await playKeys({ [first]: body({ code, msg: 'no', data: null }) })
  const client = openClient(spec, provider, { setAsideMs: 60_000 })
  expect(await client.submit(someOrder)).toMatchObject({ kind: 'accepted', key: 2 })
})

test('a key that was set aside is tried again after a while, and stays if it is accepted', async () => {
  const provider = await playKeys({ [first]: body(noCredits) })
  const client = openClient(kie, provider, { setAsideMs: 0 })
  expect(await client.submit(someOrder)).toMatchObject({ key: 2 })
  expect(await client.submit(someOrder)).toMatchObject({ key: 2 })
  answerByKey(provider, {})
  expect(await client.submit(someOrder)).toMatchObject({ key: 1 })
  expect(keysOf(provider)).toEqual([first, second, first, second, first])
})

const someOrder = {
  owner: 'anonymous',
  musicTaskId: 'music',
  audioId: 'audio',
  type: 'separate_vocal',
  callbackUrl: 'http://gateway.example/callbacks/kie/sep_0/token',
  trace: null,
} as const

interface ClientOptions {
  readonly setAsideMs: number
  readonly apiKeys?: () => readonly string[]
  readonly timeouts?: Partial<typeof defaultTimeouts>
  /** Gets what is logged. */
  readonly lines?: object[]
}

function openClient(
  spec: ProviderSpec,
  provider: PlayedProvider,
  { setAsideMs, apiKeys = () => [first, second], timeouts = {}, lines = [] }: ClientOptions,
) {
  const write = (detail: object) => void lines.push(detail)
  return createRestProvider({
    setAsideMs,
    spec,
    baseUrl: provider.url,
    apiKeys,
    timeouts,
    webhookKeys: () => [],
    rates: createInProcessRates({ readsPerSecond: () => 1_000, submitsPer10Seconds: () => 1_000 }),
    userAgent: 'stemgate/test',
    log: { info: write, warn: write, error: write },
  })
}

describe('a check', () => {
  /** A provider that shows each task to the account of one key alone. Notes which key asked for which task. */
  function showTo(provider: PlayedProvider, owners: Readonly<Record<string, string>>, others: object = unknownTask) {
    const asked: string[] = []
    provider.answerRead((response) => {
      const url = new URL(response.req.url ?? '', provider.url)
      const taskId = url.searchParams.get('taskId') ?? ''
      asked.push(`${taskId} ${keyOf(response)}`)
      sendBody(response, owners[taskId] === keyOf(response) ? pending : others)
    })
    return asked
  }

  const often = { CHECK_INTERVAL_SECONDS: '0.1' }

  test('is made with the key of the order', async () => {
    const provider = await playKeys({ [first]: body(noCredits) })
    const asked = showTo(provider, { 'provider-task-2': second })
    const gateway = await start(provider, [first, second], often)
    await order(gateway, 'one')
    await provider.readTimes(3)
    expect(new Set(asked)).toEqual(new Set([`provider-task-2 ${second}`]))
  })

  test.each([
    ['is not found', unknownTask],
    ['does not exist', noSuchTrack],
    ['may not be read', keyRefused],
    ['answers with an error', serverError],
  ])('finds the key of a task after a restart, where a task of another account %s', async (_name, others) => {
    const provider = await playKeys({ [first]: body(noCredits) })
    const gateway = await start(provider, [first, second], often)
    await order(gateway, 'one')
    await gateway.close()
    const before = provider.reads.length
    const asked = showTo(provider, { 'provider-task-2': second }, others)
    const again = await startGateway(gateway.environment)
    await provider.readTimes(before + 4)
    expect(asked.slice(0, 4)).toEqual([
      `provider-task-2 ${first}`,
      ...Array.from({ length: 3 }, () => `provider-task-2 ${second}`),
    ])
    await again.close()
  })

  test('adopts a task of any account, and none that all of them do not know', async () => {
    const provider = await startPlayedProvider()
    const gateway = await start(provider, [first, second])
    provider.answerRead((response) => {
      const isKnown = response.req.url?.includes('taskId=known') === true && keyOf(response) === second
      sendBody(response, isKnown ? recordOfSuccess('known') : unknownTask)
    })
    const find = async (id: string) => (await gateway.ask(`{ separation(taskId: "${id}") { status } }`)).data
    expect(await find('known')).toEqual({ separation: { status: 'SUCCESS' } })
    expect(await find('unknown')).toEqual({ separation: null })
  })
})

function cutBody(status: number): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': '1000' })
    response.write('{"code":401,')
    setImmediate(() => response.destroy())
  }
}
