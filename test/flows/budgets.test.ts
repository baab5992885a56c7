import { describe, expect, test } from 'vitest'
import { changeRows, rowsOf } from '../support/database.ts'
import { someTrack, startGateway, type TestGateway } from '../support/gateway.ts'
import {
  accepted,
  callbackOfSuccess,
  noCredits,
  recordOfSuccess,
  sendBody,
  startPlayedProvider,
} from '../support/played-provider.ts'

const separate = `mutation ($input: SeparateInput!) { separate(input: $input) { __typename
  ... on SeparateSuccess { reused task { id } }
  ... on SeparateError { message retryable }
  ... on BudgetExceededError { retryAfterSeconds resetsAt budget { kind period limit used resetsAt } } } }`

interface Answer {
  readonly __typename: string
  readonly reused?: boolean
  readonly task?: { readonly id: string }
  readonly message?: string
  readonly retryAfterSeconds?: number
}

async function order(gateway: TestGateway, audioId: string, more: object = {}): Promise<Answer> {
  const { data, errors } = await gateway.ask(separate, { input: { ...someTrack, audioId, ...more } })
  if (errors !== undefined) throw new Error(errors[0]?.message)
  return data?.['separate'] as Answer
}

/** What became of orders for these tracks, one after the other. */
async function namesOf(gateway: TestGateway, ...audioIds: readonly string[]): Promise<readonly string[]> {
  const names: string[] = []
  for (const audioId of audioIds) names.push((await order(gateway, audioId)).__typename)
  return names
}

async function usedOf(gateway: TestGateway): Promise<readonly unknown[]> {
  const { data, errors } = await gateway.ask('{ viewer { budgets { kind period limit used } } }')
  if (errors !== undefined) throw new Error(errors[0]?.message)
  const viewer = data?.['viewer'] as { budgets: readonly { used: number }[] } | undefined
  return viewer?.budgets.map(({ used }) => used) ?? []
}

async function startLimited(ordersPerDay: number, more: Readonly<Record<string, string>> = {}) {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, ORDERS_PER_DAY: String(ordersPerDay), ...more })
  return { provider, gateway }
}

const taken = 'SeparateSuccess'
const refused = 'BudgetExceededError'
const months = 'January February March April May June July August September October November December'.split(' ')
/** `1 January 2027` for `2027-01-01T00:00:00.000Z`. */
const dayInWords = (iso: string) =>
  `${Number(iso.slice(8, 10))} ${months[Number(iso.slice(5, 7)) - 1]} ${iso.slice(0, 4)}`
const nextDay = () => new Date(Math.ceil((Date.now() + 1) / 86_400_000) * 86_400_000).toISOString()

describe('with ORDERS_PER_DAY,', () => {
  test('an order beyond the budget is refused, with when the next day starts, and never sent', async () => {
    const { provider, gateway } = await startLimited(2)
    expect(await namesOf(gateway, 'a', 'b')).toEqual([taken, taken])
    const answer = await order(gateway, 'c')
    const resetsAt = nextDay()
    expect(answer).toMatchObject({
      __typename: refused,
      retryable: true,
      resetsAt,
      budget: { kind: 'ORDERS', period: 'DAY', limit: 2, used: 2, resetsAt },
    })
    expect(answer.message).toBe(
      'Your budget of 2 orders per day does not allow this order: 2 are used. Nothing was ordered. ' +
        `The next day starts on ${dayInWords(resetsAt)} at 00:00 UTC.`,
    )
    expect(
      gateway.logged.map((line) => JSON.parse(line)).filter(({ event }) => event === 'order.refused'),
    ).toMatchObject([
      { reason: 'budget-exceeded', owner: 'anonymous', budget: 'orders/day', used: 2, limit: 2, resetsAt },
    ])
    const secondsLeft = (Date.parse(resetsAt) - Date.now()) / 1_000
    const { retryAfterSeconds = 0 } = answer
    expect(retryAfterSeconds).toBeGreaterThanOrEqual(secondsLeft)
    expect(retryAfterSeconds).toBeLessThan(secondsLeft + 10)
    expect(provider.orders).toHaveLength(2)
    expect(await rowsOf(gateway, 'select id from tasks')).toHaveLength(2)
  })

  test('an order that joins a task costs nothing, also when the budget is used up', async () => {
    const { gateway } = await startLimited(1)
    const first = await order(gateway, 'a', { idempotencyKey: 'one' })
    expect(await order(gateway, 'a')).toMatchObject({ reused: true, task: first.task })
    expect(await order(gateway, 'a', { idempotencyKey: 'one' })).toMatchObject({ reused: true, task: first.task })
    expect(await order(gateway, 'a', { idempotencyKey: 'two' })).toMatchObject({ reused: true, task: first.task })
    expect(await order(gateway, 'a', { idempotencyKey: 'three', force: true })).toMatchObject({
      __typename: refused,
      message: expect.stringContaining('Your budget of 1 order per day does not allow this order: 1 is used.'),
    })
    expect(await usedOf(gateway)).toEqual([1])
  })

  test('equal orders at the same moment count once', async () => {
    const { provider, gateway } = await startLimited(2)
    const answers = await Promise.all(Array.from({ length: 20 }, () => order(gateway, 'a')))
    expect(new Set(answers.map(({ task }) => task?.id)).size).toBe(1)
    expect(await usedOf(gateway)).toEqual([1])
    expect(provider.orders).toHaveLength(1)
  })

  test('of many orders at the same moment, as many are sent as the budget allows', async () => {
    const { provider, gateway } = await startLimited(7)
    const answers = await Promise.all(Array.from({ length: 40 }, (_, nth) => order(gateway, `track-${nth}`)))
    expect(answers.filter(({ __typename }) => __typename === taken)).toHaveLength(7)
    expect(answers.filter(({ __typename }) => __typename === refused)).toHaveLength(33)
    expect(provider.orders).toHaveLength(7)
  })

  test('an order that the provider refuses gives back what it took', async () => {
    const { provider, gateway } = await startLimited(1)
    provider.answerSubmit(noCredits)
    expect(await namesOf(gateway, 'a', 'b')).toEqual(['InsufficientCreditsError', 'InsufficientCreditsError'])
    expect(await usedOf(gateway)).toEqual([0])
    provider.answerSubmit(accepted('provider-task-1'))
    expect(await namesOf(gateway, 'c', 'd')).toEqual([taken, refused])
    expect(await usedOf(gateway)).toEqual([1])
  })

  test('an order whose answer is lost counts', async () => {
    const { provider, gateway } = await startLimited(1)
    provider.answerSubmit((response) => response.destroy())
    expect(await namesOf(gateway, 'a', 'b')).toEqual([taken, refused])
    expect(await usedOf(gateway)).toEqual([1])
  })

  test('an order without an answer counts until it turns out to be refused', async () => {
    const { provider, gateway } = await startLimited(1, { SUBMIT_TIMEOUT_SECONDS: '0.2' })
    let answer = (_body: object) => {}
    provider.answerSubmit((response) => void (answer = (body) => sendBody(response, body)))
    expect(await namesOf(gateway, 'a', 'b')).toEqual([taken, refused])
    answer(noCredits)
    await expect.poll(() => usedOf(gateway)).toEqual([0])
    provider.answerSubmit(accepted('provider-task-1'))
    expect(await namesOf(gateway, 'c')).toEqual([taken])
  })

  test('an order that was refused counts again when its callback proves that it was charged', async () => {
    const { provider, gateway } = await startLimited(1)
    provider.answerSubmit(noCredits)
    expect(await namesOf(gateway, 'a')).toEqual(['InsufficientCreditsError'])
    expect(await usedOf(gateway)).toEqual([0])
    provider.answerRead(recordOfSuccess('provider-task-1'))
    const { callBackUrl } = (await provider.order(0)).body
    expect(await provider.callBack(callBackUrl, { code: 200, data: { task_id: 'provider-task-1' } })).toBe(200)
    await expect.poll(() => usedOf(gateway)).toEqual([1])
    expect(await namesOf(gateway, 'b')).toEqual([refused])
  })

  test('a queued order counts when it is queued', async () => {
    const { provider, gateway } = await startLimited(3, { SUBMITS_PER_10_SECONDS: '1' })
    const { data } = await gateway.ask(
      `mutation ($inputs: [SeparateInput!]!) { separateAll(inputs: $inputs) { result { __typename } } }`,
      { inputs: ['a', 'b', 'c', 'd'].map((audioId) => ({ musicTaskId: 'music', audioId })) },
    )
    const items = data?.['separateAll'] as readonly { result: Answer }[] | undefined
    expect(items?.map(({ result }) => result.__typename).toSorted()).toEqual([refused, taken, taken, taken])
    expect(await usedOf(gateway)).toEqual([3])
    expect(provider.orders).toHaveLength(1)
  })

  test('an order beyond the budget takes no slot of the provider’s rate and does not wait for one', async () => {
    const { provider, gateway } = await startLimited(1, { SUBMITS_PER_10_SECONDS: '1', SUBMIT_WAIT_SECONDS: '30' })
    expect(await namesOf(gateway, 'a')).toEqual([taken])
    const startedAt = performance.now()
    expect(await namesOf(gateway, 'b')).toEqual([refused])
    expect(performance.now() - startedAt).toBeLessThan(9_000)
    expect(provider.orders).toHaveLength(1)
  })

  test('the count stays when the gateway is started again', async () => {
    const { gateway } = await startLimited(2)
    await order(gateway, 'a')
    await gateway.close()
    const again = await startGateway(gateway.environment)
    expect(await namesOf(again, 'b', 'c')).toEqual([taken, refused])
  })

  test('a budget that is introduced during the day counts the orders from before', async () => {
    const provider = await startPlayedProvider()
    const gateway = await startGateway(provider.environment)
    await order(gateway, 'a')
    provider.answerSubmit(noCredits)
    await order(gateway, 'b')
    provider.answerSubmit((response) => sendBody(response, accepted('provider-task-2')))
    await order(gateway, 'c')
    await gateway.close()
    const limited = await startGateway({ ...gateway.environment, ORDERS_PER_DAY: '3' })
    expect(await usedOf(limited)).toEqual([2])
    expect(await namesOf(limited, 'd', 'e')).toEqual([taken, refused])
  })

  test('an order that an older backup lacks counts once its callback has restored it', async () => {
    const { provider, gateway } = await startLimited(2)
    await order(gateway, 'a')
    await changeRows(gateway, 'delete from tasks', [])
    await changeRows(gateway, 'update budgets set used = 0', [])
    expect(await usedOf(gateway)).toEqual([0])
    const { callBackUrl } = (await provider.order(0)).body
    expect(await provider.callBack(callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(503)
    expect(await usedOf(gateway)).toEqual([1])
    expect(await namesOf(gateway, 'b', 'c')).toEqual([taken, refused])
  })

  test('reads and subscriptions cost nothing', async () => {
    const { gateway } = await startLimited(1)
    const { task } = await order(gateway, 'a')
    for (let nth = 0; nth < 3; nth += 1) await gateway.ask(`{ separation(taskId: "${task?.id}") { status } }`)
    expect(await usedOf(gateway)).toEqual([1])
  })
})

test('the operator is warned once when 80 % of a budget is used', async () => {
  const { gateway } = await startLimited(5)
  const warnings = () => gateway.logged.filter((line) => line.includes('a caller has used 80 %'))
  const counted = async () =>
    (await (await fetch(`${gateway.url}/metrics`)).text()).match(
      /^stemgate_budget_warnings_total{budget="orders",period="day"} (.*)$/m,
    )?.[1]
  await namesOf(gateway, 'a', 'b', 'c')
  expect([warnings(), await counted()]).toEqual([[], '0'])
  await namesOf(gateway, 'd', 'e', 'f')
  expect(warnings().map((line) => JSON.parse(line))).toMatchObject([
    { level: 'warn', event: 'budget.warning', owner: 'anonymous', budget: 'orders/day', used: 4, limit: 5 },
  ])
  expect(await counted()).toBe('1')
})

test('a budget is renewed at midnight, UTC, also for a gateway whose clock is behind', async () => {
  const provider = await startPlayedProvider()
  let nowMs = Date.UTC(2026, 11, 31, 23, 59, 59, 500)
  const environment = { ...provider.environment, ORDERS_PER_DAY: '1' }
  const gateway = await startGateway(environment, undefined, {}, { clock: { nowMs: () => nowMs } })
  expect(await namesOf(gateway, 'a')).toEqual([taken])
  expect(await order(gateway, 'b')).toMatchObject({
    __typename: refused,
    retryAfterSeconds: 1,
    resetsAt: '2027-01-01T00:00:00.000Z',
  })
  nowMs += 500
  expect(await namesOf(gateway, 'b', 'c')).toEqual([taken, refused])
  expect(await order(gateway, 'c')).toMatchObject({ resetsAt: '2027-01-02T00:00:00.000Z' })
  nowMs -= 500
  expect(await namesOf(gateway, 'c')).toEqual([refused])
  nowMs += 24 * 60 * 60_000 + 500
  expect(await namesOf(gateway, 'c', 'd')).toEqual([taken, refused])
})

test('a caller without a budget has none, and its orders write no counter', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway(provider.environment)
  await order(gateway, 'a')
  expect(await usedOf(gateway)).toEqual([])
  expect(await rowsOf(gateway, 'select * from budgets')).toEqual([])
})
