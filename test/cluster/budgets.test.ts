import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { callerOf } from '../support/callers.ts'
import { canary } from '../support/canaries.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'
import { rowsOf } from '../support/database.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startPlayedProvider } from '../support/played-provider.ts'
import { findPostgres, findRedis } from '../support/services.ts'

const isHere = (await findPostgres()) !== null && (await findRedis()) !== null

const prices = { KIE_PRICES: 'separate_vocal:0.1,split_stem:0.5' }
/** How many orders are under way at a time. */
const concurrency = 100

/** Nobody prints it: it contains the canary. */
const keyOf = (nth: number) => `key-of-caller-${nth}-${canary}`

/** The callers as they stand in API_KEYS, each with these limits. */
function callers(count: number, limits: string): string {
  return Array.from({ length: count }, (_, nth) => `caller-${nth}:${keyOf(nth)} ${limits}`).join(',')
}

/** Each caller orders as many tracks, all at the same time, one after the other at the gateways. Counts what was answered. */
async function orderAll(gateways: readonly TestGateway[], { callerCount = 0, ordersEach = 0 }) {
  const names = new Map<string, number>()
  const orders = Array.from({ length: callerCount * ordersEach }, (_, nth) => nth).values()
  const work = async () => {
    for (const nth of orders) {
      const gateway = gateways[nth % gateways.length]
      if (gateway === undefined) throw new Error('There is no gateway.')
      const caller = callerOf(gateway, keyOf(Math.floor(nth / ordersEach)))
      const { __typename: name } = await caller.separate({ audioId: `track-${nth}` })
      names.set(name, (names.get(name) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return Object.fromEntries(names)
}

/** How many orders of how many callers the provider got. */
function ordersOf({ provider }: Pick<Cluster, 'provider'>, ordersEach: number): Readonly<Record<number, number>> {
  const perCaller = new Map<number, number>()
  for (const { body } of provider.orders) {
    const caller = Math.floor(Number(body.audioId.replace('track-', '')) / ordersEach)
    perCaller.set(caller, (perCaller.get(caller) ?? 0) + 1)
  }
  const counts: Record<number, number> = {}
  for (const count of perCaller.values()) counts[count] = (counts[count] ?? 0) + 1
  return counts
}

/** Nobody reads the counters of budgets until they are released. */
async function lockCounters({ environment }: TestGateway) {
  const client = new pg.Client({ connectionString: environment['DATABASE_URL'] })
  await client.connect()
  onTestFinished(() => client.end())
  await client.query('begin; lock table budgets')
  const waiting = `select 1 from pg_locks where relation = 'budgets'::regclass and not granted`
  return {
    async whenAwaited() {
      while ((await client.query(waiting)).rows.length === 0);
    },
    now: () => client.query('commit'),
  }
}

describe.skipIf(!isHere)('with four gateways on one database,', () => {
  test('callers who order at all gateways at the same time never exceed their budgets', async () => {
    const cluster = await startCluster({ API_KEYS: callers(200, 'orders=1/day') }, { count: 4 })
    expect(await orderAll(cluster.gateways, { callerCount: 200, ordersEach: 3 })).toEqual({
      SeparateSuccess: 200,
      BudgetExceededError: 400,
    })
    expect(ordersOf(cluster, 3)).toEqual({ 1: 200 })
    const counters = await rowsOf(cluster.gateways[0], 'select used from budgets')
    expect([counters.length, new Set(counters.map(({ used }) => used))]).toEqual([200, new Set([1])])
  })

  test('no order is refused that its budget allows', async () => {
    const cluster = await startCluster({ API_KEYS: callers(100, 'orders=4/day separate_vocal=4/month') }, { count: 4 })
    expect(await orderAll(cluster.gateways, { callerCount: 100, ordersEach: 4 })).toEqual({ SeparateSuccess: 400 })
  })

  test('an order beyond its budget joins an equal one that another gateway stores at the same moment', async () => {
    const keys = { API_KEYS: `caller-0:${keyOf(0)} orders=1/day,caller-0:${keyOf(1)}` }
    const { gateways } = await startCluster(keys)
    const limited = callerOf(gateways[0], keyOf(0))
    const unlimited = callerOf(gateways[1], keyOf(1))
    await limited.order({ audioId: 'uses up the budget' })
    const equal = { audioId: 'ordered twice', idempotencyKey: 'one' }

    // The first gateway finds no equal order, and waits for the counters.
    const release = await lockCounters(gateways[0])
    const answer = limited.separate(equal)
    await release.whenAwaited()
    const taskId = await unlimited.order(equal)
    await release.now()
    expect(await answer).toMatchObject({ __typename: 'SeparateSuccess', reused: true, task: { id: taskId } })
  })

  test('callers with several budgets never exceed one of them', async () => {
    const cluster = await startCluster(
      { ...prices, API_KEYS: callers(10, 'separate_vocal=4/day orders=9/day credits=0.3/month') },
      { count: 4 },
    )
    expect(await orderAll(cluster.gateways, { callerCount: 10, ordersEach: 20 })).toEqual({
      SeparateSuccess: 30,
      BudgetExceededError: 170,
    })
    expect(ordersOf(cluster, 20)).toEqual({ 3: 10 })
  })
})

test('callers of one gateway who order at the same time never exceed their budgets', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({
    ...provider.environment,
    ...prices,
    API_KEYS: callers(30, 'orders=9/day credits=0.3/month'),
  })
  expect(await orderAll([gateway], { callerCount: 30, ordersEach: 5 })).toEqual({
    SeparateSuccess: 90,
    BudgetExceededError: 60,
  })
  expect(ordersOf({ provider }, 5)).toEqual({ 3: 30 })
})
