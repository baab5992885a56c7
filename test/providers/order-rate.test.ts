import { describe, expect, test } from 'vitest'
import { SeparateDocument, type SeparateInput } from '../../schema/operations.ts'
import { createBreaker } from '../../src/providers/client/breaker.ts'
import { createOrderQueue } from '../../src/providers/client/order-queue.ts'
import { createSubmitGate } from '../../src/providers/client/submit-gate.ts'
import { createInProcessRates } from '../../src/coordination/in-process-rates.ts'
import { callerOf, mobileKey, twoCallers, webKey } from '../support/callers.ts'
import { someTrack, startGateway, type TestGateway } from '../support/gateway.ts'
import { accepted, sendBody, startPlayedProvider } from '../support/played-provider.ts'

const notFound = { code: 422, msg: 'Record does not exist', data: null }

async function order(gateway: TestGateway, audioId: string, more: Partial<SeparateInput> = {}) {
  const { data } = await gateway.send(SeparateDocument, { input: { musicTaskId: 'music', audioId, ...more } })
  return data?.separate
}

async function listed(gateway: TestGateway): Promise<number> {
  const { data } = await gateway.ask('{ separations(first: 100) { edges { node { id } } } }')
  return (data as { separations: { edges: unknown[] } }).separations.edges.length
}

function orderOf(caller: string, track = `track of ${caller}`) {
  return { caller, track }
}

describe('an order at the provider’s rate', () => {
  test('is refused before it is stored if it exceeds the rate, uncharged, with the time to retry after', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({
      ...provider.environment,
      SUBMITS_PER_10_SECONDS: '3',
      SUBMIT_WAIT_SECONDS: '0',
    })
    const answers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((audioId) => order(gateway, audioId)))

    const refused = answers.filter((answer) => answer?.__typename === 'RateLimitedError')
    expect(refused).toHaveLength(2)
    for (const refusal of refused) {
      expect(refusal).toMatchObject({ retryable: true, message: expect.stringContaining('nothing was charged') })
      expect(refusal).toHaveProperty('retryAfterSeconds')
    }
    expect(provider.orders).toHaveLength(3)
    expect(await listed(gateway)).toBe(3)
  })

  test('counts once with all that join it: 200 requests with one key are one order and no refusal', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({
      ...provider.environment,
      SUBMITS_PER_10_SECONDS: '1',
      SUBMIT_WAIT_SECONDS: '0',
    })
    const calls = Array.from({ length: 200 }, () => order(gateway, 'a', { idempotencyKey: 'key' }))
    const answers = await Promise.all(calls)

    expect(answers.filter((answer) => answer?.__typename === 'SeparateSuccess')).toHaveLength(200)
    expect(answers.filter((answer) => answer?.__typename === 'SeparateSuccess' && !answer.reused)).toHaveLength(1)
    expect(provider.orders).toHaveLength(1)
  })

  test('frees its key if it gets no slot', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({
      ...provider.environment,
      SUBMITS_PER_10_SECONDS: '1',
      SUBMIT_WAIT_SECONDS: '0',
    })
    await order(gateway, 'a')
    expect(await order(gateway, 'b', { idempotencyKey: 'key' })).toMatchObject({ __typename: 'RateLimitedError' })
    // With other input, which would be a conflict if the key were in use.
    expect(await order(gateway, 'c', { idempotencyKey: 'key' })).toMatchObject({ __typename: 'RateLimitedError' })
  })

  test('waits for its slot, so that the rate holds in any 10 seconds', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({
      ...provider.environment,
      SUBMITS_PER_10_SECONDS: '1',
      SUBMIT_WAIT_SECONDS: '15',
    })
    await order(gateway, 'a')
    const startedAt = performance.now()
    expect(await order(gateway, 'b')).toMatchObject({ __typename: 'SeparateSuccess', reused: false })
    expect(performance.now() - startedAt).toBeGreaterThan(9_000)
    expect(provider.orders).toHaveLength(2)
  })

  test('is refused immediately if no slot can become free in time', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({ ...provider.environment, SUBMITS_PER_10_SECONDS: '1' })
    await order(gateway, 'a')
    const startedAt = performance.now()
    expect(await order(gateway, 'b')).toMatchObject({ __typename: 'RateLimitedError' })
    expect(performance.now() - startedAt).toBeLessThan(2_500)
  })
})

test('a slot of an order that another gateway has placed in the meantime goes to the next order', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({
    ...provider.environment,
    SUBMITS_PER_10_SECONDS: '1',
    SUBMIT_WAIT_SECONDS: '30',
  })
  const { DATABASE_URL = '' } = gateway.environment
  const other = await startGateway({ ...provider.environment, DATABASE_URL })
  await order(gateway, 'first')
  const startedAt = performance.now()
  const joined = order(gateway, 'joined')
  const waiting = order(gateway, 'waiting')
  const theirs = await order(other, 'joined')
  expect(await joined).toEqual({ ...theirs, reused: true })
  expect(await waiting).toMatchObject({ __typename: 'SeparateSuccess', reused: false })
  // Not the slot after the next.
  expect(performance.now() - startedAt).toBeLessThan(18_000)
  expect(provider.orders).toHaveLength(3)
})

describe('callers that exceed the provider’s rate', () => {
  test('are served in turn: a caller that used the slots for unknown tracks does not get the next ones while another waits', async () => {
    const provider = await startPlayedProvider()
    provider.answerSubmit((response) => {
      const isKnown = provider.orders.at(-1)?.body.audioId.startsWith('song') ?? false
      sendBody(response, isKnown ? accepted(`task-${provider.orders.length}`) : notFound)
    })
    const gateway = await startGateway({
      ...provider.environment,
      ...twoCallers,
      SUBMITS_PER_10_SECONDS: '4',
      SUBMIT_WAIT_SECONDS: '12',
    })
    const [greedy, modest] = [callerOf(gateway, webKey), callerOf(gateway, mobileKey)]
    const lanes = Array.from({ length: 12 }, async (_, lane) => {
      for (const nth of [1, 2]) await greedy.separate({ ...someTrack, audioId: `unknown-${lane}-${nth}` })
    })
    await provider.order(3)
    const modestOrders = ['song-1', 'song-2'].map((audioId) => modest.separate({ ...someTrack, audioId }))
    for (const answer of await Promise.all(modestOrders))
      expect(answer).toMatchObject({ __typename: 'SeparateSuccess' })
    await Promise.all(lanes)
    const ordered = provider.orders.map(({ body }) => body.audioId.replace(/-.*/, ''))
    expect(ordered.slice(0, 4)).toEqual(['unknown', 'unknown', 'unknown', 'unknown'])
    expect(ordered.slice(4, 8).toSorted()).toEqual(['song', 'song', 'unknown', 'unknown'])
  })

  test('have one queue each: a caller with many waiting orders does not delay one with few', async () => {
    const { orders } = createInProcessRates({ submitsPer10Seconds: () => 1, readsPerSecond: () => 1, windowMs: 40 }).of(
      'kie',
    )
    const queue = createOrderQueue(orders)
    const served: string[] = []
    const wait = async (caller: string) => {
      const slot = await queue.wait(caller, performance.now() + 30_000)
      if (slot.kind === 'acquired') served.push(caller)
    }
    await queue.acquire('first')
    await Promise.all(['a', 'a', 'a', 'a', 'b', 'b', 'c'].map(wait))
    expect(served).toEqual(['a', 'b', 'c', 'a', 'b', 'a', 'a'])
  })

  test('leave the queue when their time is over, and learn when there is a slot for them', async () => {
    const { orders } = createInProcessRates({ submitsPer10Seconds: () => 1, readsPerSecond: () => 1 }).of('kie')
    const queue = createOrderQueue(orders)
    const first = await queue.acquire('first')
    const waiting = ['a', 'b', 'a'].map((caller) => queue.wait(caller, performance.now() + 60_000))
    const late = await queue.wait('late', performance.now() + 20)
    expect(late).toMatchObject({ kind: 'full' })
    // After one order of each other caller.
    if (late.kind === 'full') expect(late.freeInMs).toBeGreaterThan(29_000)
    if (late.kind === 'full') expect(late.freeInMs).toBeLessThanOrEqual(30_000)
    for (const next of [first, waiting[0], waiting[1], waiting[2]]) {
      const slot = await next
      expect(slot?.kind).toBe('acquired')
      if (slot?.kind === 'acquired') slot.release()
    }
  })
})

describe('a provider that fails repeatedly', () => {
  test('still gets the orders of other callers if only the orders of one caller fail', async () => {
    const provider = await startPlayedProvider()
    provider.answerSubmit((response) => {
      const isPoison = provider.orders.at(-1)?.body.audioId.startsWith('poison') ?? false
      if (isPoison) response.writeHead(502).end('<html>Bad Gateway</html>')
      else sendBody(response, accepted(`task-${provider.orders.length}`))
    })
    const gateway = await startGateway({ ...provider.environment, ...twoCallers })
    const [poisoner, other] = [callerOf(gateway, webKey), callerOf(gateway, mobileKey)]
    for (const nth of [1, 2, 3, 4, 5]) {
      expect(await poisoner.separate({ ...someTrack, audioId: `poison-${nth}` })).toMatchObject({ reused: false })
    }
    expect(await poisoner.separate({ ...someTrack, audioId: 'poison-6' })).toMatchObject({
      __typename: 'ProviderUnavailableError',
    })
    expect(await other.separate({ ...someTrack, audioId: 'song' })).toMatchObject({ __typename: 'SeparateSuccess' })
    // The provider still answers.
    expect(await poisoner.separate({ ...someTrack, audioId: 'song' })).toMatchObject({ __typename: 'SeparateSuccess' })
  })

  test('gets no more orders after five failures, and none of them is stored', async () => {
    const provider = await startPlayedProvider()
    provider.answerSubmit((response) => void response.writeHead(502).end('<html>Bad Gateway</html>'))
    const gateway = await startGateway(provider.environment)
    for (const audioId of ['a', 'b', 'c', 'd', 'e']) {
      expect(await order(gateway, audioId)).toMatchObject({ task: { status: 'PENDING', charge: 'MAYBE' } })
    }
    expect(provider.orders).toHaveLength(5)

    expect(await order(gateway, 'f')).toMatchObject({
      __typename: 'ProviderUnavailableError',
      retryable: true,
      message: expect.stringMatching(/has not answered recent orders.*try again in \d+ s/),
    })
    expect(provider.orders).toHaveLength(5)
    expect(await listed(gateway)).toBe(5)
  })

  test('does not refuse an order that joins an earlier one', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway(provider.environment)
    await order(gateway, 'joined')
    provider.answerSubmit((response) => void response.writeHead(502).end('<html>Bad Gateway</html>'))
    for (const audioId of ['a', 'b', 'c', 'd', 'e', 'f']) await order(gateway, audioId)
    expect(await order(gateway, 'joined')).toMatchObject({ __typename: 'SeparateSuccess', reused: true })
  })

  test('gets a single order after the pause, and all orders once that one succeeds', async () => {
    const breaker = createBreaker({ failures: 2, pauseMs: 300 })
    const [one, two] = [orderOf('one'), orderOf('two')]
    breaker.report(one, true)
    expect(breaker.attempt(two)).not.toBeNull()
    breaker.report(two, true)
    expect(breaker.attempt(one)).toBeNull()
    await expect.poll(() => breaker.attempt(one), { interval: 5 }).not.toBeNull()
    expect(breaker.attempt(two)).toBeNull()
    breaker.report(one, true)
    expect(breaker.attempt(two)).toBeNull()
    await expect.poll(() => breaker.attempt(two), { interval: 5 }).not.toBeNull()
    breaker.report(two, false)
    expect(breaker.attempt(one)).not.toBeNull()
    expect(breaker.attempt(two)).not.toBeNull()
  })

  test('first gets an order of a caller that was rejected and did not fail last', async () => {
    const breaker = createBreaker({ failures: 2, pauseMs: 200 })
    const [one, two] = [orderOf('one'), orderOf('two')]
    breaker.report(one, true)
    breaker.report(two, true)
    expect(breaker.attempt(one)).toBeNull()
    await expect.poll(() => breaker.waitMs(one), { interval: 5 }).toBe(0)
    expect(breaker.attempt(two)).toBeNull()
    expect(breaker.waitMs(two)).toBeGreaterThan(0)
    expect(breaker.attempt(one)).not.toBeNull()
  })

  test('gets an order of the caller that failed last if no other caller orders', async () => {
    const breaker = createBreaker({ failures: 2, pauseMs: 100 })
    const [one, two] = [orderOf('one'), orderOf('two')]
    breaker.report(one, true)
    breaker.report(two, true)
    await expect.poll(() => breaker.attempt(two), { interval: 5 }).not.toBeNull()
  })

  test('blocks one caller alone if only that one fails, however often and with whatever tracks', () => {
    const breaker = createBreaker({ failures: 5, pauseMs: 60_000 })
    for (let nth = 0; nth < 100; nth += 1) breaker.report(orderOf('failing', `track-${nth}`), true)
    expect(breaker.attempt(orderOf('failing', 'another'))).toBeNull()
    expect(breaker.attempt(orderOf('other'))).not.toBeNull()
    breaker.report(orderOf('other', 'one'), true)
    expect(breaker.attempt(orderOf('other'))).not.toBeNull()
    breaker.report(orderOf('other', 'two'), true)
    expect(breaker.attempt(orderOf('third'))).toBeNull()
  })

  test('blocks one track alone if only that one fails, whoever orders it', () => {
    const breaker = createBreaker({ failures: 5, pauseMs: 60_000 })
    for (let nth = 0; nth < 100; nth += 1) breaker.report(orderOf(`caller-${nth}`, 'failing'), true)
    expect(breaker.attempt(orderOf('other', 'failing'))).toBeNull()
    expect(breaker.attempt(orderOf('caller-1', 'other'))).not.toBeNull()
  })

  test('gets another order if the admitted one was not sent', async () => {
    const gate = createSubmitGate({
      displayName: 'kie.ai',
      orders: createInProcessRates({ submitsPer10Seconds: () => 100, readsPerSecond: () => 1 }).of('kie').orders,
      breaker: { failures: 1, pauseMs: 500 },
    })
    const given = { owner: 'caller', musicTaskId: 'music', audioId: 'audio', type: 'separate_vocal' } as const
    gate.report(given, { hasAnswered: false })
    expect((await gate.admit(given)).kind).toBe('not-admitted')
    const admitAndGiveBack = async () => {
      const admission = await gate.admit(given)
      if (admission.kind === 'admitted') admission.release()
      return admission.kind
    }
    await expect.poll(admitAndGiveBack).toBe('admitted')
    expect((await gate.admit(given)).kind).toBe('admitted')
    expect(await gate.admit(given)).toMatchObject({ kind: 'not-admitted', wait: null })
  })

  test('does not include one that refuses orders because of the orders, however many', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway(provider.environment)
    const refusals = [402, 422, 451, 455, 401, 429, 531]
    for (const code of refusals) {
      provider.answerSubmit((response) => sendBody(response, { code, msg: 'no' }))
      await order(gateway, `refused-${code}`)
    }
    provider.answerSubmit((response) => sendBody(response, accepted('provider-task')))
    expect(await order(gateway, 'a')).toMatchObject({ __typename: 'SeparateSuccess', task: { charge: 'CHARGED' } })
    expect(provider.orders).toHaveLength(refusals.length + 1)
  })

  test('gets another order after a pause even if the single admitted order hangs', async () => {
    const breaker = createBreaker({ failures: 1, pauseMs: 300 })
    const one = orderOf('one')
    breaker.report(one, true)
    await expect.poll(() => breaker.attempt(one), { interval: 5 }).not.toBeNull()
    expect(breaker.attempt(one)).toBeNull()
    expect(breaker.waitMs(one)).toBeGreaterThan(0)
    await expect.poll(() => breaker.attempt(one), { interval: 5 }).not.toBeNull()
  })
})
