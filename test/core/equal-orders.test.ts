import { expect, test } from 'vitest'
import { noLimits } from '../../src/separation/caller-limits.ts'
import { serializeEqualOrders, type OrderRequest, type OrderOutcome } from '../../src/separation/order/equal-orders.ts'
import { failedTask, pendingTask } from '../support/tasks.ts'

function orderWith(idempotencyKey: string | null): OrderRequest {
  return {
    track: 'one',
    owner: 'anonymous',
    provider: {
      name: 'kie',
      retentionMs: 0,
      admit: () => Promise.reject(new Error('not asked')),
      submit: () => Promise.reject(new Error('not asked')),
      check: () => Promise.reject(new Error('not asked')),
    },
    input: {
      musicTaskId: 'm',
      audioId: 'a',
      type: 'separate_vocal',
      provider: null,
      idempotencyKey,
      reference: null,
      webhookUrl: null,
      force: false,
    },
    limits: noLimits,
    webhook: undefined,
    mayQueue: false,
    trace: null,
    waitUntilMs: 0,
  }
}

/** Creates an order and an identical one while the first is running; returns how often the store was called. */
async function placeBoth(first: OrderOutcome, keys: readonly [string | null, string | null]) {
  let asked = 0
  const createOrder = serializeEqualOrders(async () => {
    asked += 1
    return asked === 1 ? first : { kind: 'placed', result: { kind: 'new', task: pendingTask() } }
  })
  await Promise.all(keys.map((key) => createOrder(orderWith(key))))
  return asked
}

const dead: OrderOutcome = { kind: 'placed', result: { kind: 'joined', task: failedTask() } }
const refused: OrderOutcome = {
  kind: 'refused',
  refusal: { kind: 'unavailable', message: 'closed', retryable: true, task: null },
  freeAtMs: null,
}

test('an order without a key does not return the failed task of an earlier key', async () => {
  expect(await placeBoth(dead, ['key', null])).toBe(2)
})

test('an order with its own key does not return the refusal of an earlier order', async () => {
  expect(await placeBoth(refused, [null, 'key'])).toBe(2)
})

test('identical orders with the same key, or without one, share one result', async () => {
  expect(await placeBoth(dead, ['key', 'key'])).toBe(1)
  expect(await placeBoth(refused, [null, null])).toBe(1)
})
