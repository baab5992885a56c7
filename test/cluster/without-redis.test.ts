import { expect, test } from 'vitest'
import { startCluster, statesOn } from '../support/cluster.ts'
import { order } from '../support/gateway.ts'
import { callbackOfSuccess, recordOfSuccess } from '../support/played-provider.ts'
import { findPostgres } from '../support/services.ts'

const isHere = (await findPostgres()) !== null

test.skipIf(!isHere)(
  'gateways on one database without Redis notify each other’s subscribers within 30 seconds',
  { timeout: 45_000 },
  async () => {
    const { provider, gateways } = await startCluster({ CHECK_INTERVAL_SECONDS: '60' }, { redis: null })
    const [one, other] = gateways
    const taskId = await order(one)
    const states = statesOn(other, taskId)
    await expect.poll(() => other.app.subscriptions()).toBe(1)
    provider.answerRead(recordOfSuccess('provider-task-1'))
    const { callBackUrl } = (await provider.order(0)).body
    await provider.callBack(callBackUrl, callbackOfSuccess('provider-task-1'))
    const calledAt = performance.now()
    expect(await states).toEqual(['PENDING', 'SUCCESS'])
    expect(performance.now() - calledAt).toBeLessThan(32_000)
  },
)
