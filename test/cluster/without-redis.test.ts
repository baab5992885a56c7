import { describe, expect, onTestFinished, test } from 'vitest'
import { SeparateDocument } from '../../schema/operations.ts'
import { createClient } from '@redis/client'
import { startCluster, statesOn, type Cluster } from '../support/cluster.ts'
import { dashboardOver, isInOrder } from '../support/dashboards.ts'
import { changeRows, openStoreOf, rowsOf } from '../support/database.ts'
import { order, someTrack, startGateway, storedTask } from '../support/gateway.ts'
import { accepted, callbackOfSuccess, recordOfSuccess, sendBody } from '../support/played-provider.ts'
import { findPostgres, findRedis, startOwnRedis } from '../support/services.ts'
import { startSwallowingProxy } from '../support/swallowing-proxy.ts'
import { failedTask } from '../support/tasks.ts'

const hasPostgres = (await findPostgres()) !== null
const hasRedis = (await findRedis()) !== null
/** About one second, on a machine that has much else to do. Without the reads of each second it would be 24 seconds. */
const aboutASecondMs = 5_000
const soon = { timeout: 10_000, interval: 10 }
/** No check reveals the result before the callback does. */
const noChecks = { CHECK_INTERVAL_SECONDS: '60' }

/** Orders at one gateway, and settles the order by a callback there. Resolves to when, for whom watches elsewhere. */
async function settle({ provider, gateways: [one] }: Cluster, index: number): Promise<number> {
  const id = `provider-task-${index + 1}`
  provider.answerRead(recordOfSuccess(id))
  const { callBackUrl } = (await provider.order(index)).body
  const calledAt = performance.now()
  expect(await provider.callBack(callBackUrl, callbackOfSuccess(id))).toBe(200)
  expect(one.app.subscriptions()).toBe(0)
  return calledAt
}

/** Orders at one gateway and settles there, while a subscriber at another one watches. Resolves to what that one was told. */
async function tellOther(cluster: Cluster, index: number) {
  const [one, other] = cluster.gateways
  cluster.provider.answerSubmit(accepted(`provider-task-${index + 1}`))
  const taskId = await order(one, { audioId: `audio-${index}` })
  const states = statesOn(other, taskId)
  await expect.poll(() => other.app.subscriptions(), soon).toBe(1)
  const calledAt = await settle(cluster, index)
  expect(await states).toEqual(['PENDING', 'SUCCESS'])
  return performance.now() - calledAt
}

describe.skipIf(!hasPostgres)('with several gateways on one database and no Redis,', () => {
  test('a subscriber is told in about a second what happened at another gateway', async () => {
    const cluster = await startCluster(noChecks, { redis: null })
    expect(await tellOther(cluster, 0)).toBeLessThan(aboutASecondMs)
  })

  test('a dashboard shows in about a second what happened at another gateway', async () => {
    const cluster = await startCluster(noChecks, { redis: null })
    const [one, other] = cluster.gateways
    const dashboard = dashboardOver.WebSocket(other.url)
    await expect.poll(() => other.app.subscriptions(), soon).toBe(1)
    const orderedAt = performance.now()
    const taskId = await order(one)
    await expect.poll(() => dashboard.shown.some(({ id }) => id === taskId), soon).toBe(true)
    expect(performance.now() - orderedAt).toBeLessThan(aboutASecondMs)
    const calledAt = await settle(cluster, 0)
    await expect.poll(() => dashboard.shown.some(({ settled }) => settled), soon).toBe(true)
    expect(performance.now() - calledAt).toBeLessThan(aboutASecondMs)
    expect(isInOrder(dashboard.shown)).toBe(true)
  })

  test('a caller that joins an order of another gateway gets the provider’s answer in about a second', async () => {
    const { provider, gateways } = await startCluster({ SUBMIT_TIMEOUT_SECONDS: '20' }, { redis: null })
    const [one, other] = gateways
    let answer = () => {}
    provider.answerSubmit((response) => void (answer = () => sendBody(response, accepted('provider-task-1'))))
    const ordered = order(one)
    await provider.order(0)
    const joined = other.send(SeparateDocument, { input: someTrack })
    const store = await openStoreOf(one)
    await expect.poll(async () => (await store.count('anonymous', {}, 10)) === 1, soon).toBe(true)
    const answeredAt = performance.now()
    answer()
    const { data } = await joined
    expect(performance.now() - answeredAt).toBeLessThan(aboutASecondMs)
    expect(data?.separate).toMatchObject({ reused: true, task: { id: await ordered, charge: 'CHARGED' } })
  })
})

describe.skipIf(!hasPostgres)('the rates of four gateways without Redis', () => {
  test('hold for all of them together, with 40 orders at once', async () => {
    const limit = 8
    const { provider, gateways } = await startCluster(
      { SUBMITS_PER_10_SECONDS: String(limit), SUBMIT_WAIT_SECONDS: '12' },
      { redis: null, count: 4 },
    )
    // Keeps the time from which each slot counts, by the clock of the database. A slot that is given back does not count.
    await changeRows(
      gateways[0],
      `create table counted (name text, at double precision);
      create function note_counted() returns trigger language plpgsql as $$ begin
        if tg_op <> 'DELETE' then
          insert into counted values (new.name, new.taken_at);
        elsif old.taken_at > extract(epoch from clock_timestamp()) * 1000 - 10000 then
          delete from counted where name = old.name;
        end if;
        return null;
      end $$;
      create trigger counted after insert or update or delete on order_slots
        for each row execute function note_counted()`,
      [],
    )
    const atMs: number[] = []
    provider.answerSubmit((response) => {
      atMs.push(Date.now())
      sendBody(response, accepted(`provider-task-${atMs.length}`))
    })
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const input = { ...someTrack, audioId: `audio-${index}` }
        const { data } = await (gateways[index % 4] ?? gateways[0]).send(SeparateDocument, { input })
        return data?.separate.__typename
      }),
    )
    const taken = answers.filter((name) => name === 'SeparateSuccess').length
    expect(answers.filter((name) => name === 'RateLimitedError')).toHaveLength(40 - taken)
    expect(atMs).toHaveLength(taken)
    expect(taken).toBeGreaterThanOrEqual(2 * limit)
    const rows = await rowsOf(gateways[0], 'select min(at) as taken_at, max(at) as sent_at from counted group by name')
    const times = (column: string) => rows.map((row) => Number(row[column])).toSorted((one, other) => one - other)
    const [takenAtMs, sentAtMs] = [times('taken_at'), times('sent_at')]
    for (const [index, sentMs] of sentAtMs.entries()) {
      const nextMs = sentAtMs[index + limit]
      if (nextMs !== undefined) expect(nextMs - sentMs).toBeGreaterThanOrEqual(9_999)
    }
    // No order arrives before there is a slot for it. The clocks are those of one machine.
    for (const [index, arrivedMs] of atMs.entries())
      expect(arrivedMs).toBeGreaterThanOrEqual((takenAtMs[index] ?? Infinity) - 1)
    // A refused order stores nothing.
    const store = await openStoreOf(gateways[0])
    expect(await store.count('anonymous', {}, 100)).toBe(taken)
  })

  test('hold for reads of all of them together', async () => {
    const { provider, gateways } = await startCluster(
      { READS_PER_SECOND: '10', CHECK_INTERVAL_SECONDS: '1' },
      { redis: null, count: 4 },
    )
    let orders = 0
    provider.answerSubmit((response) => sendBody(response, accepted(`provider-task-${++orders}`)))
    const ordered = Array.from({ length: 30 }, (_, index) =>
      order(gateways[index % 4] ?? gateways[0], { audioId: `audio-${index}` }),
    )
    await Promise.all(ordered)
    const [startedAt, before] = [performance.now(), provider.reads.length]
    await expect.poll(() => provider.reads.length - before, { timeout: 40_000, interval: 5 }).toBeGreaterThanOrEqual(40)
    // 40 reads take 4 s at 10 a second, less what was on its way; of gateways that count alone they would take 1 s.
    expect(performance.now() - startedAt).toBeGreaterThan(2_500)
  })
})

describe.skipIf(!hasPostgres || !hasRedis)('while Redis', () => {
  test('is stopped, a subscriber is told in about a second, and at once when it is back', async () => {
    const redis = await startOwnRedis()
    const cluster = await startCluster(noChecks, { redis: redis.url })
    await tellOther(cluster, 0)
    await redis.stop()
    expect(await tellOther(cluster, 1)).toBeLessThan(aboutASecondMs)
    await redis.restart()
    await expect.poll(async () => subscribersOf(redis.url), soon).toBeGreaterThanOrEqual(cluster.gateways.length)
    expect(await tellOther(cluster, 2)).toBeLessThan(aboutASecondMs)
  })

  test('accepts everything and answers nothing, a subscriber is told in about a second', async () => {
    const redis = await startOwnRedis()
    const proxy = await startSwallowingProxy(redis.port)
    const cluster = await startCluster(noChecks, { redis: `redis://127.0.0.1:${proxy.port}` })
    await tellOther(cluster, 0)
    proxy.swallow()
    expect(await tellOther(cluster, 1)).toBeLessThan(aboutASecondMs)
    proxy.heal()
  })
})

test('a subscriber of a gateway with a file is told in about a second what another process has written', async () => {
  const gateway = await startGateway({ SANDBOX_DELAY_MS: '600000', ...noChecks })
  const taskId = await order(gateway, { audioId: 'done' })
  const states = statesOn(gateway, taskId)
  await expect.poll(() => gateway.app.subscriptions(), soon).toBe(1)
  const store = await openStoreOf(gateway)
  const task = await storedTask(store, taskId)
  const { failure } = failedTask()
  const writtenAt = performance.now()
  await store.replace({ ...task, state: 'failed', failure, revision: task.revision + 1 }, task)
  expect((await states).at(-1)).toBe('GENERATE_AUDIO_FAILED')
  expect(performance.now() - writtenAt).toBeLessThan(aboutASecondMs)
})

/** How many gateways hear changes over the Redis. */
async function subscribersOf(url: string): Promise<number> {
  const client = createClient({ url, RESP: 2 })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.destroy())
  const [channel = ''] = (await client.pubSubChannels('stemgate:*:changes')) ?? []
  return channel === '' ? 0 : ((await client.pubSubNumSub([channel]))[channel] ?? 0)
}
