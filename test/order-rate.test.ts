import { describe, expect, test } from 'vitest'
import { SeparateDocument, type SeparateInput } from '../schema/operations.ts'
import { createBreaker } from '../src/providers/breaker.ts'
import { createSubmitGate } from '../src/providers/submit-gate.ts'
import { createInProcessRates } from '../src/rates/in-process.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { accepted, sendBody, startPlayedProvider } from './played-provider.ts'

async function order(gateway: TestGateway, audioId: string, more: Partial<SeparateInput> = {}) {
  const { data } = await gateway.send(SeparateDocument, { input: { musicTaskId: 'music', audioId, ...more } })
  return data?.separate
}

async function listed(gateway: TestGateway): Promise<number> {
  const { data } = await gateway.ask('{ separations(first: 100) { edges { node { id } } } }')
  return (data as { separations: { edges: unknown[] } }).separations.edges.length
}

describe("the provider's rate for orders", () => {
  test('refuses what exceeds it before it is written down, uncharged, and says when to come again', async () => {
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

  test('counts no one who joins: 200 at once with one key are one order and no refusal', async () => {
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

  test('a key whose order found no place is free', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({
      ...provider.environment,
      SUBMITS_PER_10_SECONDS: '1',
      SUBMIT_WAIT_SECONDS: '0',
    })
    await order(gateway, 'a')
    expect(await order(gateway, 'b', { idempotencyKey: 'key' })).toMatchObject({ __typename: 'RateLimitedError' })
    // With another input: it would be a conflict if the key were taken.
    expect(await order(gateway, 'c', { idempotencyKey: 'key' })).toMatchObject({ __typename: 'RateLimitedError' })
  })

  test('lets an order wait for its place, within any ten seconds', async () => {
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

  test('is refused at once where no place can come free in time', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway({ ...provider.environment, SUBMITS_PER_10_SECONDS: '1' })
    await order(gateway, 'a')
    const startedAt = performance.now()
    expect(await order(gateway, 'b')).toMatchObject({ __typename: 'RateLimitedError' })
    expect(performance.now() - startedAt).toBeLessThan(2_500)
  })
})

describe('a provider that keeps failing', () => {
  test('is sent no more orders after five failures, and nothing of them is written down', async () => {
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
      message: expect.stringMatching(/not been answering orders.*try again in \d+ s/),
    })
    expect(provider.orders).toHaveLength(5)
    expect(await listed(gateway)).toBe(5)
  })

  test('holds up no order that joins an earlier one', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway(provider.environment)
    await order(gateway, 'joined')
    provider.answerSubmit((response) => void response.writeHead(502).end('<html>Bad Gateway</html>'))
    for (const audioId of ['a', 'b', 'c', 'd', 'e', 'f']) await order(gateway, audioId)
    expect(await order(gateway, 'joined')).toMatchObject({ __typename: 'SeparateSuccess', reused: true })
  })

  test('is tried with a single order after the pause, and with all again once that one succeeds', async () => {
    const breaker = createBreaker({ failures: 2, pauseMs: 300 })
    breaker.heard(true)
    expect(breaker.try()).not.toBeNull()
    breaker.heard(true)
    expect(breaker.try()).toBeNull()
    await expect.poll(() => breaker.try(), { interval: 5 }).not.toBeNull()
    expect(breaker.try()).toBeNull()
    breaker.heard(true)
    expect(breaker.try()).toBeNull()
    await expect.poll(() => breaker.try(), { interval: 5 }).not.toBeNull()
    breaker.heard(false)
    expect(breaker.try()).not.toBeNull()
    expect(breaker.try()).not.toBeNull()
  })

  test('is tried by another order if the one that was let through was not sent', async () => {
    const gate = createSubmitGate({
      provider: 'kie',
      orders: createInProcessRates({ submitsPer10Seconds: 100, readsPerSecond: 1 }).of('kie').orders,
      breaker: { failures: 1, pauseMs: 500 },
    })
    gate.heard({ hasAnswered: false })
    expect((await gate.admit()).kind).toBe('not-admitted')
    const admitAndGiveBack = async () => {
      const admission = await gate.admit()
      if (admission.kind === 'admitted') admission.giveBack()
      return admission.kind
    }
    await expect.poll(admitAndGiveBack).toBe('admitted')
    expect((await gate.admit()).kind).toBe('admitted')
    expect(await gate.admit()).toMatchObject({ kind: 'not-admitted', freeInMs: null })
  })

  test('is not one that refuses orders for reasons of their own, however many', async () => {
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

  test('is tried again after a pause even if the single order that was tried hangs', async () => {
    const breaker = createBreaker({ failures: 1, pauseMs: 300 })
    breaker.heard(true)
    await expect.poll(() => breaker.try(), { interval: 5 }).not.toBeNull()
    expect(breaker.try()).toBeNull()
    expect(breaker.waitMs()).toBeGreaterThan(0)
    await expect.poll(() => breaker.try(), { interval: 5 }).not.toBeNull()
  })
})
