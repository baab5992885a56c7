import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { StoreUnavailableError } from '../../src/separation/errors.ts'
import { openStoreOf } from '../support/database.ts'
import { acceptedTask, order, someTrack, startCore, startGateway, storedTask } from '../support/gateway.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { watchedStates } from '../../src/separation/read/watched-states.ts'
import type { Separations } from '../../src/separation/separations.ts'
import type { Store } from '../../src/separation/store/store.ts'

// Bugs that no other test notices when they are planted: see test/suites/planted.

function seenStates({ watches }: Separations, taskId: string) {
  return watchedStates((watcher) => watches.watch('someone', { taskId, provider: null }, {}, watcher))
}

test('a subscription shows the end of a task that settles while it is read', async () => {
  const provider = await startPlayedProvider()
  let afterRead: (() => Promise<unknown>) | null = null
  const withMoment = (store: Store): Store => ({
    ...store,
    async find(ids) {
      const found = await store.find(ids)
      const settle = afterRead
      if (settle === null) return found
      afterRead = null
      await settle()
      // The state at the time of the read.
      return found
    },
  })
  const { separations } = await startCore(provider, withMoment)
  const task = acceptedTask(
    await separations.separate('someone', {
      ...someTrack,
      type: 'separate_vocal',
      provider: null,
      idempotencyKey: null,
      force: false,
    }),
  )
  provider.answerRead(recordOfSuccess('provider-task-1'))
  afterRead = () => separations.check(task)

  const states: string[] = []
  const watched = (async () => {
    for await (const shown of seenStates(separations, task.id)) {
      states.push(shown?.state ?? 'unknown')
    }
  })()
  await Promise.race([watched, sleep(3_000)])
  expect(states.at(-1)).toBe('succeeded')
})

test('the payload of a callback with an invalid signature never counts, however long record-info knows nothing', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({
    ...provider.environment,
    KIE_WEBHOOK_KEY: 'webhook-key',
    CHECK_INTERVAL_SECONDS: '0.5',
  })
  const store = await openStoreOf(gateway)
  const taskId = await order(gateway)
  const { body } = await provider.order(0)
  const forged = { 'x-webhook-timestamp': String(Math.floor(Date.now() / 1_000)), 'x-webhook-signature': 'forged' }
  expect(await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'), forged)).toBe(200)
  // The payload of a callback counts after 4 s.
  const untilMs = performance.now() + 6_000
  while (performance.now() < untilMs) await provider.readTimes(provider.reads.length + 1)
  expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending', charge: 'CHARGED' })
})

test('a callback with an invalid signature does not bind its task if record-info echoes no address', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({
    ...provider.environment,
    KIE_WEBHOOK_KEY: 'webhook-key',
    CHECK_INTERVAL_SECONDS: '0.2',
  })
  const store = await openStoreOf(gateway)
  provider.answerSubmit((response) => response.destroy())
  const taskId = await order(gateway)
  const { body } = await provider.order(0)
  provider.answerRead(recordOfSuccess('stranger', { callbackUrl: null }))
  const forged = { 'x-webhook-timestamp': String(Math.floor(Date.now() / 1_000)), 'x-webhook-signature': 'forged' }
  expect(await provider.callBack(body.callBackUrl, callbackOfSuccess('stranger'), forged)).toBe(200)
  // The first answer has been processed before the next read.
  await provider.readTimes(2)
  expect(await storedTask(store, taskId)).toMatchObject({ state: 'pending', charge: 'MAYBE', providerTaskId: null })
})

test('an answer with an unknown outcome keeps the key, even if the order was forced', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway(provider.environment)
  provider.answerSubmit((response) => response.destroy())
  const input = { idempotencyKey: 'key', force: true }
  const taskId = await order(gateway, input)
  expect(await order(gateway, input)).toBe(taskId)
  expect(provider.orders).toHaveLength(1)
})

const someInput = {
  ...someTrack,
  type: 'separate_vocal',
  provider: null,
  idempotencyKey: 'key',
  force: false,
} as const

test('a saved change is published although the store did not confirm the write', async () => {
  const provider = await startPlayedProvider()
  let isLosing = false
  const { separations } = await startCore(provider, (store) => ({
    ...store,
    async replace(task, before) {
      const isWritten = await store.replace(task, before)
      if (!isLosing) return isWritten
      isLosing = false
      throw new StoreUnavailableError('The answer to the commit was lost.')
    },
  }))
  const task = acceptedTask(await separations.separate('someone', someInput))
  const states = seenStates(separations, task.id)[Symbol.asyncIterator]()
  expect((await states.next()).value).toMatchObject({ state: 'pending' })
  provider.answerRead(recordOfSuccess('provider-task-1'))
  isLosing = true
  const report = states.next()
  await separations.check(task).catch(() => {})
  expect(await Promise.race([report, sleep(3_000)])).toMatchObject({ value: { state: 'succeeded' } })
})

test('an order that was saved although the write failed is withdrawn, and its key is free', async () => {
  const provider = await startPlayedProvider()
  let isLosing = true
  const { separations, store } = await startCore(provider, (real) => ({
    ...real,
    async createOrder(asked) {
      const placed = await real.createOrder(asked)
      if (!isLosing || placed.kind !== 'new') return placed
      isLosing = false
      throw new StoreUnavailableError('The answer to the commit was lost.')
    },
  }))
  await expect(separations.separate('someone', someInput)).rejects.toThrow(StoreUnavailableError)
  const statesOf = async () =>
    (await store.list('someone', { where: {}, limit: 10, inverted: false })).map(
      ({ state, charge }) => `${state} ${charge}`,
    )
  expect(await statesOf()).toEqual(['pending MAYBE'])
  await expect.poll(statesOf, { timeout: 15_000 }).toEqual(['failed NONE'])
  expect(provider.orders).toHaveLength(0)
  const again = await separations.separate('someone', someInput)
  expect(again).toMatchObject({ reused: false, task: { charge: 'CHARGED' } })
})
