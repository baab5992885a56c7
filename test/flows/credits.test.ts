import { describe, expect, test } from 'vitest'
import { rowsOf } from '../support/database.ts'
import { someTrack, startGateway, type TestGateway } from '../support/gateway.ts'
import { readMetrics } from '../support/metrics.ts'
import {
  accepted,
  balanceOf,
  noCredits,
  sendBody,
  startPlayedProvider,
  type PlayedProvider,
} from '../support/played-provider.ts'

const prices = { KIE_PRICES: 'separate_vocal:10,split_stem:50' }
const taken = 'SeparateSuccess'
const refused = 'InsufficientCreditsError'

async function startWith(credits: number, more: Readonly<Record<string, string>> = prices) {
  const provider = await startPlayedProvider()
  provider.answerCredits(balanceOf(credits))
  const gateway = await startGateway({ ...provider.environment, CREDITS_CALLERS: 'anonymous', ...more })
  return { provider, gateway }
}

/** Lets the gateway know the balance. */
async function look(gateway: TestGateway): Promise<void> {
  await gateway.ask('{ credits { credits } }')
}

interface Answered {
  readonly __typename: string
  readonly message?: string
  readonly refused?: object | null
}

async function order(gateway: TestGateway, audioId: string, input: object = {}): Promise<Answered> {
  const { data, errors } = await gateway.ask(
    `mutation ($input: SeparateInput!) { separate(input: $input) { __typename
      ... on SeparateError { message retryable refused: task { id } } } }`,
    { input: { ...someTrack, audioId, ...input } },
  )
  if (errors !== undefined) throw new Error(errors[0]?.message)
  return data?.['separate'] as Answered
}

async function namesOf(gateway: TestGateway, ...audioIds: readonly string[]): Promise<readonly string[]> {
  const names: string[] = []
  for (const audioId of audioIds) names.push((await order(gateway, audioId)).__typename)
  return names
}

const used = async (gateway: TestGateway) =>
  (await gateway.ask('{ viewer { budgets { used } } }')).data?.['viewer'] as object

describe('a balance that is known to be too low', () => {
  test('refuses an order before it is stored or sent, and takes no budget', async () => {
    const { provider, gateway } = await startWith(20, { ...prices, ORDERS_PER_DAY: '10' })
    await look(gateway)
    expect(await order(gateway, 'split', { type: 'SPLIT_STEM' })).toEqual({
      __typename: refused,
      message:
        "kie.ai has too few credits on the gateway's account for this order. It was not sent, so nothing was charged; the gateway's operator must add credits.",
      retryable: false,
      refused: null,
    })
    expect(provider.orders).toHaveLength(0)
    expect(await rowsOf(gateway, 'select id from tasks')).toEqual([])
    expect(await used(gateway)).toEqual({ budgets: [{ used: 0 }] })
    expect(await namesOf(gateway, 'a', 'b', 'c')).toEqual([taken, taken, refused])
    expect(provider.orders).toHaveLength(2)
    expect(await order(gateway, 'a')).toMatchObject({ __typename: taken })
    const metrics = await readMetrics(gateway.url)
    expect(metrics.value('stemgate_orders_total', { reason: 'insufficient-credits' })).toBe(2)
  })

  test('admits, of 40 orders at a time, as many as it pays', async () => {
    const { provider, gateway } = await startWith(75)
    await look(gateway)
    const answers = await Promise.all(Array.from({ length: 40 }, (_, nth) => order(gateway, `track-${nth}`)))
    expect(answers.filter(({ __typename }) => __typename === taken)).toHaveLength(7)
    expect(provider.orders).toHaveLength(7)
  })

  test('counts again what a refused order would have cost, and not what may be charged', async () => {
    const { provider, gateway } = await startWith(20)
    await look(gateway)
    provider.answerSubmit({ code: 422, msg: 'Record does not exist', data: null })
    expect(await namesOf(gateway, 'a', 'b', 'c')).toEqual(Array.from({ length: 3 }, () => 'TrackNotFoundError'))
    provider.answerSubmit((response) => void response.destroy())
    expect(await namesOf(gateway, 'd', 'e', 'f')).toEqual([taken, taken, refused])
  })

  test('refuses only when nothing is left, where prices are not known', async () => {
    const { provider, gateway } = await startWith(0.5, {})
    await look(gateway)
    expect(await namesOf(gateway, 'a', 'b')).toEqual([taken, taken])
    const { gateway: empty } = await startWith(0, {})
    await look(empty)
    expect(await namesOf(empty, 'a')).toEqual([refused])
    expect(provider.orders).toHaveLength(2)
  })

  test('refuses orders of separateAll before they are queued', async () => {
    const { provider, gateway } = await startWith(10, { ...prices, SUBMITS_PER_10_SECONDS: '1' })
    await look(gateway)
    expect(await orderAll(gateway, ['a', 'b', 'c'])).toEqual([refused, refused, taken])
    expect(provider.orders).toHaveLength(1)
  })

  test('ends a queued order as the provider’s own refusal does, and gives its budget back', async () => {
    const limits = { ...prices, SUBMITS_PER_10_SECONDS: '1', ORDERS_PER_DAY: '10' }
    const { provider, gateway } = await startWith(1_000_000, limits)
    let answer = () => {}
    provider.answerCredits((response) => void (answer = () => sendBody(response, balanceOf(0))))
    expect(await orderAll(gateway, ['a', 'b', 'c'])).toEqual([taken, taken, taken])
    answer()
    const list = `{ separations { edges { node { charge failure { refusal } } } } }`
    const refusals = async () => JSON.stringify((await gateway.ask(list)).data).match(/INSUFFICIENT_CREDITS/g)
    await expect.poll(refusals, { timeout: 25_000 }).toHaveLength(2)
    expect(provider.orders).toHaveLength(1)
    expect(JSON.stringify((await gateway.ask(list)).data).match(/"charge":"NONE"/g)).toHaveLength(2)
    expect(await used(gateway)).toEqual({ budgets: [{ used: 1 }] })
  })

  async function orderAll(gateway: TestGateway, audioIds: readonly string[]): Promise<readonly string[]> {
    const { data } = await gateway.ask(
      `mutation ($inputs: [SeparateInput!]!) { separateAll(inputs: $inputs) { result { __typename } } }`,
      { inputs: audioIds.map((audioId) => ({ ...someTrack, audioId })) },
    )
    const items = data?.['separateAll'] as readonly { readonly result: Answered }[]
    return items.map(({ result }) => result.__typename).toSorted()
  }
})

describe('a balance that is not known', () => {
  test.each<readonly [string, (provider: PlayedProvider) => void]>([
    ['is never answered', (provider) => provider.answerCredits(() => {})],
    ['is an error', (provider) => provider.answerCredits({ code: 500, msg: 'Server error', data: null })],
    ['is no number', (provider) => provider.answerCredits({ code: 200, msg: 'success', data: '0' })],
    ['is not for this key', (provider) => provider.answerCredits({ code: 401, msg: 'No', data: null })],
  ])('because it %s, neither delays nor refuses an order, and is asked for once', async (_name, play) => {
    const { provider, gateway } = await startWith(0)
    play(provider)
    const startedAt = performance.now()
    const answers = await Promise.all(Array.from({ length: 20 }, (_, nth) => order(gateway, `track-${nth}`)))
    expect(new Set(answers.map(({ __typename }) => __typename))).toEqual(new Set([taken]))
    expect(performance.now() - startedAt).toBeLessThan(9_000)
    await expect.poll(() => provider.creditCalls.length).toBe(1)
    expect(await namesOf(gateway, 'another')).toEqual([taken])
    expect(provider.creditCalls).toHaveLength(1)
  })

  test('because the call hangs, does not delay a stop', async () => {
    const { provider, gateway } = await startWith(0)
    provider.answerCredits(() => {})
    expect(await namesOf(gateway, 'a')).toEqual([taken])
    await expect.poll(() => provider.creditCalls.length).toBe(1)
    const startedAt = performance.now()
    await gateway.close()
    expect(performance.now() - startedAt).toBeLessThan(8_000)
  })

  test('lets the provider itself refuse, as long as nobody has looked', async () => {
    const { provider, gateway } = await startWith(0)
    provider.answerSubmit(noCredits)
    const { refused: task } = await order(gateway, 'a')
    expect(task).not.toBeNull()
    // The first order has asked for the balance.
    await expect.poll(async () => (await order(gateway, 'b')).refused).toBeNull()
    expect(provider.creditCalls).toHaveLength(1)
  })
})

test('an order that one of several accounts can pay is sent with its key', async () => {
  const { provider, gateway } = await startWith(0, { ...prices, KIE_API_KEY: 'key-a,key-b' })
  provider.answerCredits((response) => {
    sendBody(response, balanceOf(response.req.headers.authorization === 'Bearer key-b' ? 60.5 : 20.25))
  })
  expect((await gateway.ask('{ credits { credits } }')).data).toEqual({ credits: { credits: 80.75 } })
  const shown = await readMetrics(gateway.url)
  const keys = ['1', '2'].map((key) => shown.value('stemgate_provider_credits', { provider: 'kie', key }))
  expect(keys).toEqual([20.25, 60.5])
  provider.answerSubmit((response, nth) => sendBody(response, accepted(`provider-task-${nth}`)))
  const split = { type: 'SPLIT_STEM' }
  expect((await order(gateway, 'one', split)).__typename).toBe(taken)
  expect((await order(gateway, 'two', split)).__typename).toBe(refused)
  expect(await namesOf(gateway, 'a', 'b', 'c')).toEqual([taken, taken, taken])
  expect(await namesOf(gateway, 'd')).toEqual([refused])
  expect(provider.orders.map(({ headers }) => headers.authorization?.slice(-1)).join('')).toBe('baab')
})

test('the operator is warned once when credits run low', async () => {
  const { provider, gateway } = await startWith(500, { KIE_CREDITS_WARNING: '500', ...prices })
  const low = async () => (await readMetrics(gateway.url)).value('stemgate_provider_credits_low', { provider: 'kie' })
  expect(await low()).toBe(0)
  const { gateway: poor } = await startWith(499.5, { KIE_CREDITS_WARNING: '500', ...prices })
  const lowAtPoor = async () =>
    (await readMetrics(poor.url)).value('stemgate_provider_credits_low', { provider: 'kie' })
  expect([await lowAtPoor(), await lowAtPoor()]).toEqual([1, 1])
  const warnings = poor.logged.filter((line) => line.includes('credits.low')).map((line) => JSON.parse(line))
  expect(warnings).toMatchObject([{ level: 'warn', provider: 'kie', credits: 499.5, threshold: 500 }])
  const { gateway: unset } = await startWith(0)
  expect((await readMetrics(unset.url)).value('stemgate_provider_credits_low')).toBeUndefined()
  expect(provider.creditCalls).toHaveLength(1)
})
