import { describe, expect, test } from 'vitest'
import { order } from '../support/gateway.ts'
import { accepted, recordOfSuccess } from '../support/played-provider.ts'
import { startCluster } from '../support/cluster.ts'
import { dashboardOver, isInOrder } from '../support/dashboards.ts'
import { findPostgres, findRedis, startOwnRedis } from '../support/services.ts'

const isHere = (await findPostgres()) !== null && (await findRedis()) !== null
const soon = { timeout: 20_000, interval: 10 }

describe.skipIf(!isHere).each(Object.entries(dashboardOver))('a dashboard over %s', (_name, open) => {
  test('at one gateway shows what another one does, also of an outage of Redis', async () => {
    const redis = await startOwnRedis()
    const { provider, gateways } = await startCluster({ CHECK_INTERVAL_SECONDS: '1' }, { redis: redis.url })
    const [one, other] = gateways
    const dashboard = open(other.url)
    await expect.poll(() => other.app.subscriptions(), soon).toBe(1)
    provider.answerSubmit(accepted('provider-task-1'))
    const first = await order(one, { audioId: 'audio-1' })
    await expect.poll(() => dashboard.shown.some(({ id }) => id === first), soon).toBe(true)
    expect(dashboard.shown.find(({ id }) => id === first)).toMatchObject({ settled: false })

    await redis.stop()
    await expect.poll(() => other.logged.some((line) => line.includes('"warn"')), soon).toBe(true)
    provider.answerSubmit(accepted('provider-task-2'))
    const second = await order(one, { audioId: 'audio-2' })
    await redis.restart()
    await expect.poll(() => dashboard.shown.some(({ id }) => id === second), soon).toBe(true)

    provider.answerRead(recordOfSuccess('provider-task-1'))
    const isSettled = () => dashboard.shown.some(({ id, settled }) => id === first && settled)
    await expect.poll(isSettled, soon).toBe(true)
    expect(isInOrder(dashboard.shown)).toBe(true)
    expect(dashboard.errors).toEqual([])
  })
})
