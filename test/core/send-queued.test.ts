import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createInProcessChanges } from '../../src/coordination/in-process-changes.ts'
import { createInProcessRates } from '../../src/coordination/in-process-rates.ts'
import { createSubmitGate } from '../../src/providers/client/submit-gate.ts'
import { createRecord } from '../../src/separation/advance/record.ts'
import { StoreUnavailableError } from '../../src/separation/errors.ts'
import { createSendQueued } from '../../src/separation/order/send-queued.ts'
import type { Provider } from '../../src/separation/provider.ts'
import type { RecordStore } from '../../src/separation/store/record-store.ts'
import { openSqliteStore } from '../../src/stores/sqlite/sqlite-store.ts'
import { pendingTask } from '../support/tasks.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }

interface QueueOptions {
  /** How many orders of each caller are queued. */
  readonly orders: Readonly<Record<string, number>>
  /** How many orders the provider takes in 10 seconds. */
  readonly rate: number
  readonly wrap?: (store: RecordStore) => RecordStore
}

/** A queue on a store in memory, and the callers whose orders were sent, in this order. */
async function startQueue({ orders, rate, wrap = (store) => store }: QueueOptions) {
  const store = await openSqliteStore(':memory:')
  onTestFinished(() => store.close())
  const unsent = { charge: 'NONE', providerTaskId: null, createdAtMs: store.nowMs() } as const
  for (const [owner, count] of Object.entries(orders)) {
    for (let nth = 0; nth < count; nth += 1) {
      const task = pendingTask({ ...unsent, owner })
      await store.createOrder({ task, key: null, dueAtMs: 0, canJoin: null, isAdmitted: true })
    }
  }
  const rates = createInProcessRates({ submitsPer10Seconds: () => rate, readsPerSecond: () => 1 }).of('kie')
  const { admit } = createSubmitGate({ displayName: 'kie.ai', orders: rates.orders })
  const provider: Provider = {
    name: 'kie',
    retentionMs: 1,
    admit,
    submit: async () => ({ kind: 'unknown', cause: 'not used' }),
    check: async () => ({ kind: 'not-found' }),
  }
  const sent: string[] = []
  const queue = createSendQueued({
    store,
    clock: store,
    record: createRecord({ store: wrap(store), clock: store, changes: createInProcessChanges(), log }),
    expectations: { expectedAtMs: () => null },
    submissions: {
      submit({ owner }) {
        sent.push(owner)
        return { answer: new Promise(() => {}), stored: new Promise(() => {}) }
      },
    },
    providers: new Map([['kie', provider]]),
    log,
    firstCheckAfterMs: 1_000,
    giveUpAfterMs: 3_600_000,
  })
  queue.start()
  return { queue, sent }
}

/** Lets this time pass, and everything happen that follows from it. */
async function pass(ms: number) {
  for (let passedMs = 0; passedMs < ms; passedMs += 250) {
    await vi.advanceTimersByTimeAsync(250)
    for (let turn = 0; turn < 5; turn += 1) await setImmediate()
  }
}

describe('queued orders', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
  })
  afterEach(() => void vi.useRealTimers())

  test('of several callers are sent in turn, however long each waits', async () => {
    const { queue, sent } = await startQueue({ orders: { a: 4, b: 4, c: 1 }, rate: 1 })
    await pass(85_000)
    await queue.stop(0)
    expect(sent).toEqual(['a', 'b', 'c', 'a', 'b', 'a', 'b', 'a', 'b'])
  })

  test('of more callers than one poll reads are all sent, while none of the callers is finished', async () => {
    const names = Array.from({ length: 450 }, (_, nth) => `caller-${1_000 + nth}`)
    const orders = Object.fromEntries(names.map((name) => [name, 4]))
    const { queue, sent } = await startQueue({ orders, rate: 80 })
    await pass(90_000)
    await queue.stop(0)
    expect(sent.length).toBeLessThan(4 * 200)
    expect(new Set(sent)).toEqual(new Set(names))
  })

  test('do not delay a stop while the store is unavailable', async () => {
    const wrap = (store: RecordStore): RecordStore => ({
      find: store.find,
      replace: () => Promise.reject(new StoreUnavailableError('down')),
    })
    const { queue, sent } = await startQueue({ orders: { a: 1 }, rate: 1, wrap })
    await pass(2_000)
    let isStopped = false
    void queue.stop(3_000).then(() => (isStopped = true))
    await pass(2_000)
    expect(isStopped).toBe(false)
    await pass(1_500)
    expect(isStopped).toBe(true)
    expect(sent).toEqual([])
  })
})
