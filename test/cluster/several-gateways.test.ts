import { describe, expect, onTestFinished, test } from 'vitest'
import { ReadDocument, SeparateDocument, type SeparateInput } from '../../schema/operations.ts'
import { startCluster, statesOn, type Cluster } from '../support/cluster.ts'
import { openStoreOf, rowsOf } from '../support/database.ts'
import { order, someTrack, storedTasks, untilSettled, type TestGateway } from '../support/gateway.ts'
import { readMetrics } from '../support/metrics.ts'
import { accepted, callbackOfSuccess, noCredits, recordOfSuccess, sendBody } from '../support/played-provider.ts'
import { findPostgres, findRedis, startOwnRedis } from '../support/services.ts'

const isHere = (await findPostgres()) !== null && (await findRedis()) !== null

async function outcomeOf(gateway: TestGateway, input: Partial<SeparateInput> = {}) {
  const { data, errors } = await gateway.send(SeparateDocument, { input: { ...someTrack, ...input } })
  const answer = data?.separate
  if (answer === undefined) throw new Error(JSON.stringify(errors))
  return 'reused' in answer ? { taskId: answer.task.id, reused: answer.reused } : { error: answer.__typename }
}

/** Sends an order to one gateway, and holds the provider's answer back until the test releases it. */
async function orderHeld({ provider, gateways: [one] }: Cluster, input: Partial<SeparateInput>) {
  let answer: (body: object) => void = () => {}
  provider.answerSubmit((response) => void (answer = (body) => sendBody(response, body)))
  const ordered = outcomeOf(one, input)
  await provider.order(0)
  return { ordered, answer: (body: object) => answer(body) }
}

describe.skipIf(!isHere)('with several gateways on one database and one Redis,', () => {
  test('a subscriber at one gateway receives the callback that another one received', async () => {
    const { provider, gateways } = await startCluster({ CHECK_INTERVAL_SECONDS: '60' })
    const [one, other] = gateways
    const taskId = await order(one)
    const states = statesOn(other, taskId)
    await expect.poll(() => other.app.subscriptions()).toBe(1)
    provider.answerRead(recordOfSuccess('provider-task-1'))
    const { callBackUrl } = (await provider.order(0)).body
    const calledAt = performance.now()
    expect(await provider.callBack(callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)
    expect(await states).toEqual(['PENDING', 'SUCCESS'])
    // No gateway had to poll the store for it.
    expect(performance.now() - calledAt).toBeLessThan(10_000)
    expect((await other.send(ReadDocument, { taskId })).data?.separation).toMatchObject({ id: taskId, settled: true })
  })

  test('a caller that joins at another gateway gets the answer of the provider', async () => {
    const cluster = await startCluster()
    const { ordered, answer } = await orderHeld(cluster, { idempotencyKey: 'first' })
    const [, other] = cluster.gateways
    const joined = [outcomeOf(other, { idempotencyKey: 'first' }), outcomeOf(other, { idempotencyKey: 'second' })]
    await expect.poll(() => rowsOf(other, 'select key from keys')).toHaveLength(2)
    answer(accepted('provider-task-1'))
    const { taskId } = await ordered
    expect(await Promise.all(joined)).toEqual([
      { taskId, reused: true },
      { taskId, reused: true },
    ])
    expect(cluster.provider.orders).toHaveLength(1)
  })

  test('a caller that joins at another gateway gets the same refusal, and every key is free again', async () => {
    const cluster = await startCluster({ SUBMIT_TIMEOUT_SECONDS: '15' })
    const { ordered, answer } = await orderHeld(cluster, { idempotencyKey: 'first' })
    const [one, other] = cluster.gateways
    const joined = [outcomeOf(other, { idempotencyKey: 'second' }), outcomeOf(other)]
    await expect.poll(() => rowsOf(other, 'select key from keys')).toHaveLength(2)
    const answeredAt = performance.now()
    answer(noCredits)
    const refusal = { error: 'InsufficientCreditsError' }
    expect(await Promise.all([ordered, ...joined])).toEqual([refusal, refusal, refusal])
    expect(performance.now() - answeredAt).toBeLessThan(10_000)

    cluster.provider.answerSubmit(accepted('provider-task-2'))
    const again = await outcomeOf(other, { idempotencyKey: 'first' })
    expect(again).toMatchObject({ reused: false })
    expect(await outcomeOf(one, { idempotencyKey: 'second' })).toEqual({ ...again, reused: true })
    expect(cluster.provider.orders).toHaveLength(2)
  })

  test('a caller that joined and got the open task keeps it if the order is refused later', async () => {
    const cluster = await startCluster({ SUBMIT_TIMEOUT_SECONDS: '0.5' })
    const { ordered, answer } = await orderHeld(cluster, {})
    const [, other] = cluster.gateways
    const given = await outcomeOf(other, { idempotencyKey: 'mine' })
    expect(await ordered).toEqual({ ...given, reused: false })
    answer(noCredits)
    const store = await openStoreOf(other)
    await expect.poll(() => storedTasks(store)).toMatchObject([{ charge: 'NONE' }])
    expect(await outcomeOf(other, { idempotencyKey: 'mine' })).toEqual(given)
  })

  test('an order that another gateway gave up is checked once its answer arrives', async () => {
    const cluster = await startCluster({
      CHECK_INTERVAL_SECONDS: '0.2',
      UNCONFIRMED_AFTER_SECONDS: '0.5',
      SUBMIT_TIMEOUT_SECONDS: '0.3',
    })
    const { ordered, answer } = await orderHeld(cluster, {})
    const { taskId = '' } = await ordered
    const [, other] = cluster.gateways
    const store = await openStoreOf(other)
    await expect
      .poll(() => storedTasks(store), { timeout: 10_000 })
      .toMatchObject([{ state: 'failed', failure: { code: 'SUBMISSION_UNCONFIRMED' } }])
    await expect.poll(() => rowsOf(other, 'select due_at from tasks')).toEqual([{ due_at: null }])
    cluster.provider.answerRead(recordOfSuccess('provider-task-1'))
    answer(accepted('provider-task-1'))
    await expect
      .poll(async () => (await other.send(ReadDocument, { taskId })).data?.separation?.status, { timeout: 10_000 })
      .toBe('SUCCESS')
  })

  test.each([
    ['one key', () => ({ idempotencyKey: 'key' })],
    ['no key', () => ({})],
    ['a key each', (index: number) => ({ idempotencyKey: `key-${index}` })],
  ])('many callers with %s at four gateways are charged once', async (_name, inputOf) => {
    const { provider, gateways } = await startCluster({}, { count: 4 })
    provider.answerSubmit((response) => setTimeout(() => sendBody(response, accepted('provider-task-1')), 100))
    const all = await Promise.all(
      Array.from({ length: 60 }, (_, index) => outcomeOf(gateways[index % 4] ?? gateways[0], inputOf(index))),
    )
    expect(new Set(all.map(({ taskId }) => taskId)).size).toBe(1)
    expect(all.filter(({ reused }) => reused === false)).toHaveLength(1)
    expect(provider.orders).toHaveLength(1)
  })

  test('a provider task id is adopted once, however many callers ask for it at however many gateways', async () => {
    const { provider, gateways } = await startCluster({}, { count: 4 })
    provider.answerRead(recordOfSuccess('outside'))
    const found = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const { data } = await (gateways[index % 4] ?? gateways[0]).send(ReadDocument, { taskId: 'outside' })
        return data?.separation?.id
      }),
    )
    expect(new Set(found).size).toBe(1)
    expect(found[0]).toMatch(/^sep_/)
  })

  test('the provider’s rate applies to all gateways together', async () => {
    const { provider, gateways } = await startCluster({ SUBMITS_PER_10_SECONDS: '4', SUBMIT_WAIT_SECONDS: '0' })
    const all = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        outcomeOf(gateways[index % 2] ?? gateways[0], { audioId: `track-${index}` }),
      ),
    )
    expect(all.filter(({ error }) => error === 'RateLimitedError')).toHaveLength(8)
    expect(provider.orders).toHaveLength(4)
  })

  test('a task is checked once in each interval, however many gateways there are', async () => {
    const { provider, gateways } = await startCluster({ CHECK_INTERVAL_SECONDS: '0.5' }, { count: 4 })
    const taskId = await order(gateways[0])
    const startedAt = performance.now()
    await expect.poll(() => provider.reads.length, { timeout: 15_000, interval: 20 }).toBeGreaterThanOrEqual(8)
    // Eight checks, at least 0.9 intervals apart.
    expect(performance.now() - startedAt).toBeGreaterThan(7 * 0.9 * 500)
    provider.answerRead(recordOfSuccess('provider-task-1'))
    await untilSettled(gateways[3] ?? gateways[1], taskId)
  })

  test('a subscriber receives changes of other gateways while Redis is away, and the metrics say that it is', async () => {
    const redis = await startOwnRedis()
    const { provider, gateways } = await startCluster({ CHECK_INTERVAL_SECONDS: '60' }, { redis: redis.url })
    const [one, other] = gateways
    const taskId = await order(one)
    const states = statesOn(other, taskId)
    await expect.poll(() => other.app.subscriptions()).toBe(1)
    const isRedisUp = async () => (await readMetrics(one.url)).value('stemgate_redis_up')
    expect(await isRedisUp()).toBe(1)
    await redis.stop()
    await expect.poll(isRedisUp).toBe(0)
    provider.answerRead(recordOfSuccess('provider-task-1'))
    const { callBackUrl } = (await provider.order(0)).body
    expect(await provider.callBack(callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)
    await untilSettled(one, taskId)
    expect(await states).toEqual(['PENDING', 'SUCCESS'])
    await redis.restart()
    await expect.poll(isRedisUp, { timeout: 5_000 }).toBe(1)
    const outages = () => one.logged.flatMap((line) => /"event":"outage.(\w+)","outage":"redis"/.exec(line)?.[1] ?? [])
    await expect.poll(outages, { timeout: 5_000 }).toEqual(['began', 'ended'])
  })
})

test.skipIf(!isHere)('a gateway starts while Redis is unavailable, and logs it', async () => {
  const redis = await startOwnRedis()
  await redis.stop()
  const { provider, gateways } = await startCluster({}, { redis: redis.url })
  onTestFinished(() => redis.stop())
  expect(gateways[0].logged.join('\n')).toMatch(/"level":"warn".*Redis is unavailable/)
  await order(gateways[0])
  expect(provider.orders).toHaveLength(1)
})
