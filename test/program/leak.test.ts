import { expect, test } from 'vitest'
import { subscribeAndLeave } from '../suites/bench/subscribe-and-leave.ts'
import { order, startGateway } from '../support/gateway.ts'

test('3,000 subscribers that disconnect leave nothing behind', { timeout: 60_000 }, async () => {
  const gateway = await startGateway({ SANDBOX_DELAY_MS: '600000', REQUESTS_PER_MINUTE: '1000000' })
  const taskId = await order(gateway, { audioId: 'done' })
  await subscribeAndLeave({ url: gateway.url, taskId, times: 1_000 })
  await expect.poll(() => gateway.app.subscriptions(), { timeout: 10_000 }).toBe(0)
  expect(await gateway.ask('{ __typename }')).toEqual({ data: { __typename: 'Query' } })
})
