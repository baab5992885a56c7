import { describe, expect, test } from 'vitest'
import { createCallbackAddresses } from '../../src/separation/callback/callback-address.ts'
import { canary } from '../support/canaries.ts'
import { openStoreOf } from '../support/database.ts'
import { startGateway, storedTask, untilSettled, type TestGateway } from '../support/gateway.ts'
import {
  accepted,
  callbackOfSuccess,
  noCredits,
  recordOfSuccess,
  sendBody,
  startPlayedProvider,
} from '../support/played-provider.ts'

const separateAll = `mutation ($inputs: [SeparateInput!]!) { separateAll(inputs: $inputs) {
  index idempotencyKey
  result { __typename
    ... on SeparateSuccess { reused task { id phase charge reference audioId } }
    ... on InvalidInputError { issues { path } }
    ... on SeparateError { message } } } }`

interface Item {
  readonly index: number
  readonly idempotencyKey: string | null
  readonly result: {
    readonly __typename: string
    readonly reused?: boolean
    readonly task?: { readonly id: string; readonly phase: string; readonly charge: string; readonly audioId: string }
    readonly issues?: readonly { readonly path: readonly string[] }[]
  }
}

interface Input {
  readonly musicTaskId?: string
  readonly audioId: string
  readonly idempotencyKey?: string
  readonly force?: boolean
}

async function orderAll(gateway: TestGateway, inputs: readonly Input[]): Promise<readonly Item[]> {
  const { data, errors } = await gateway.ask(separateAll, {
    inputs: inputs.map((input) => ({ musicTaskId: 'music-task', ...input })),
  })
  if (errors !== undefined) throw new Error(errors[0]?.message)
  return data?.['separateAll'] as readonly Item[]
}

const tracks = (count: number, kind = 'done') =>
  Array.from({ length: count }, (_, nth) => ({ audioId: `${kind}-${nth}` }))
const phasesOf = (items: readonly Item[]) => items.map(({ result }) => result.task?.phase)
const idsOf = (items: readonly Item[]) => items.flatMap(({ result }) => result.task?.id ?? [])

function queuedOf(items: readonly Item[]) {
  const queued = items.find(({ result }) => result.task?.phase === 'QUEUED')?.result.task
  if (queued === undefined) throw new Error('No order is queued.')
  return queued
}

/** A gateway whose provider takes so few orders that all others are queued. */
async function startSlow(submits = 2, more: Readonly<Record<string, string>> = {}) {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, SUBMITS_PER_10_SECONDS: String(submits), ...more })
  return { provider, gateway }
}

describe('many orders at once', () => {
  test('get a result each, in their order: what the provider has no slot for is queued and costs nothing', async () => {
    const { provider, gateway } = await startSlow(2)
    const items = await orderAll(gateway, tracks(6))
    expect(items.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5])
    expect(items.map(({ result }) => result.task?.audioId)).toEqual(tracks(6).map(({ audioId }) => audioId))
    expect(phasesOf(items).filter((phase) => phase === 'PROCESSING')).toHaveLength(2)
    const queued = items.filter(({ result }) => result.task?.phase === 'QUEUED')
    expect(queued.map(({ result }) => `${result.task?.charge} ${result.reused}`)).toEqual(Array(4).fill('NONE false'))
    expect(provider.orders).toHaveLength(2)
  })

  test('are all sent in the end, each once and within the rate', async () => {
    const { provider, gateway } = await startSlow(5)
    const items = await orderAll(gateway, tracks(8))
    expect(phasesOf(items).filter((phase) => phase === 'QUEUED')).toHaveLength(3)
    await provider.order(7)
    const sent = provider.orders.map(({ body }) => body.audioId)
    expect(sent.toSorted()).toEqual(tracks(8).map(({ audioId }) => audioId))
  })

  test('join each other and earlier tasks, queued or not', async () => {
    const { gateway } = await startSlow(1)
    const [first, ...others] = await orderAll(gateway, [
      { audioId: 'a' },
      { audioId: 'b' },
      { audioId: 'b' },
      { audioId: 'a' },
    ])
    const again = await orderAll(gateway, [{ audioId: 'b' }, { audioId: 'a', idempotencyKey: 'key-a' }])
    const ids = idsOf([...(first === undefined ? [] : [first]), ...others])
    expect(ids[1]).toBe(ids[2])
    expect(ids[0]).toBe(ids[3])
    expect(idsOf(again)).toEqual([ids[1], ids[0]])
    expect(again.map(({ result }) => result.reused)).toEqual([true, true])
  })

  test('have their own keys, and an invalid one stops no other', async () => {
    const { gateway } = await startSlow(1)
    const inputs = [
      { audioId: 'a', idempotencyKey: 'one' },
      { audioId: '', idempotencyKey: 'two' },
      { audioId: 'b', idempotencyKey: 'three' },
      { audioId: 'c', idempotencyKey: 'three' },
      { audioId: 'c', force: true },
    ]
    const items = await orderAll(gateway, inputs)
    expect(items.map(({ idempotencyKey }) => idempotencyKey)).toEqual(['one', 'two', 'three', 'three', null])
    const names = items.map(({ result }) => result.__typename)
    expect([names[0], names[1], names[4]]).toEqual(['SeparateSuccess', 'InvalidInputError', 'InvalidInputError'])
    expect(new Set([names[2], names[3]])).toEqual(new Set(['IdempotencyConflictError', 'SeparateSuccess']))
    expect(items[1]?.result.issues).toEqual([{ path: ['inputs', '1', 'audioId'] }])
    // The key of a queued order leads to its task, also before it is sent.
    const [again] = await orderAll(gateway, [
      { audioId: items[2]?.result.task?.audioId ?? 'c', idempotencyKey: 'three' },
    ])
    expect(again?.result).toMatchObject({ __typename: 'SeparateSuccess', reused: true })
  })

  test.each([[0], [51]])('are refused if they are %i', async (count) => {
    const { gateway } = await startSlow()
    await expect(orderAll(gateway, tracks(count))).rejects.toThrow('from 1 to 50')
  })

  test('count as one request to order each', async () => {
    const { gateway } = await startSlow(100, { SEPARATES_PER_MINUTE: '3' })
    const items = await orderAll(gateway, tracks(5))
    expect(items.map(({ result }) => result.__typename)).toEqual([
      ...Array(3).fill('SeparateSuccess'),
      ...Array(2).fill('RateLimitedError'),
    ])
  })

  test('are one field of an operation', async () => {
    const { gateway } = await startSlow()
    const one = 'separateAll(inputs: [{ musicTaskId: "m", audioId: "a" }]) { index }'
    const { errors } = await gateway.ask(
      `mutation { a: ${one} separate(input: { musicTaskId: "m", audioId: "b" }) { __typename } }`,
    )
    expect(errors?.[0]?.message).toContain('one "separate" or "separateAll"; this one contains 2')
  })
})

describe('a queued order', () => {
  test('that the provider refuses fails, costs nothing, and its key keeps its task', async () => {
    const { provider, gateway } = await startSlow(1)
    const inputs = ['a', 'b'].map((name) => ({ audioId: name, idempotencyKey: name }))
    const queued = queuedOf(await orderAll(gateway, inputs))
    provider.answerSubmit((response) => sendBody(response, noCredits))
    const settled = await untilSettled(gateway, queued.id)
    expect(settled).toMatchObject({
      status: 'CREATE_TASK_FAILED',
      charge: 'NONE',
      failure: { code: 'SUBMISSION_REFUSED' },
    })
    expect(provider.orders).toHaveLength(2)
    const again = await orderAll(gateway, inputs)
    expect(again.find(({ result }) => result.task?.id === queued.id)?.result.reused).toBe(true)
    expect(provider.orders).toHaveLength(2)
  })

  test('is not sent if a callback proves that it was sent before, as after the restore of a backup', async () => {
    const secret = `callback-secret-${canary}`
    const { provider, gateway } = await startSlow(1, { CALLBACK_SECRET: secret })
    const queued = queuedOf(await orderAll(gateway, tracks(2)))
    const store = await openStoreOf(gateway)
    const addresses = createCallbackAddresses({ publicUrl: () => gateway.url, secrets: () => [secret] })
    const url = addresses.urlOf(await storedTask(store, queued.id))
    provider.answerRead(recordOfSuccess('lost-task', { callbackUrl: url }))
    expect(await provider.callBack(url, callbackOfSuccess('lost-task'))).toBe(200)
    expect(await untilSettled(gateway, queued.id)).toMatchObject({ status: 'SUCCESS', charge: 'CHARGED' })
    await gateway.close()
    expect(provider.orders).toHaveLength(1)
  })

  test('is not checked at the provider, and is given up in the end', async () => {
    const { provider, gateway } = await startSlow(1, { CHECK_INTERVAL_SECONDS: '0.1', GIVE_UP_AFTER_SECONDS: '2' })
    provider.answerSubmit((response, nth) => sendBody(response, accepted(`provider-task-${nth}`)))
    const items = await orderAll(gateway, tracks(2))
    const queued = queuedOf(items)
    const settled = await untilSettled(gateway, queued.id)
    expect(settled).toMatchObject({ charge: 'NONE', failure: { code: 'SUBMISSION_REFUSED', refusal: 'UNAVAILABLE' } })
    expect(provider.orders).toHaveLength(1)
    expect(new Set(provider.reads)).toEqual(new Set(['provider-task-1']))
  })

  test('is sent after a restart, once', async () => {
    const { provider, gateway } = await startSlow(1)
    const items = await orderAll(gateway, tracks(3))
    expect(phasesOf(items).filter((phase) => phase === 'QUEUED')).toHaveLength(2)
    await gateway.close()
    expect(provider.orders).toHaveLength(1)
    const restarted = await startGateway({ ...gateway.environment, SUBMITS_PER_10_SECONDS: '100' })
    await provider.order(2)
    const store = await openStoreOf(restarted)
    for (const id of idsOf(items)) {
      await expect.poll(async () => (await storedTask(store, id)).charge).toBe('CHARGED')
    }
    expect(provider.orders.map(({ body }) => body.audioId).toSorted()).toEqual(['done-0', 'done-1', 'done-2'])
  })

  test('is sent by one of the gateways that share the store', async () => {
    const { provider, gateway } = await startSlow(1)
    const ids = idsOf(await orderAll(gateway, tracks(20)))
    expect(provider.orders).toHaveLength(1)
    const more = await Promise.all(
      [1, 2].map(() => startGateway({ ...gateway.environment, SUBMITS_PER_10_SECONDS: '1000' })),
    )
    await provider.order(19)
    const store = await openStoreOf(gateway)
    for (const id of ids) await expect.poll(async () => (await storedTask(store, id)).charge).toBe('CHARGED')
    // A gateway that has stopped has sent all that it wanted to send.
    await Promise.all([gateway, ...more].map((each) => each.close()))
    expect(provider.orders).toHaveLength(20)
    expect(new Set(provider.orders.map(({ body }) => body.audioId)).size).toBe(20)
  })

  test('waits while its provider is off', async () => {
    const { provider, gateway } = await startSlow(1)
    const queued = queuedOf(await orderAll(gateway, tracks(2)))
    await gateway.close()
    const { KIE_API_KEY: _, ...without } = gateway.environment
    const off = await startGateway({ ...without, APIKLEY_API_KEY: without['KIE_API_KEY'] ?? 'key', KIE_API_KEY: '' })
    const { data } = await off.ask('query ($id: ID!) { separation(taskId: $id) { phase charge } }', {
      id: queued.id,
    })
    expect(data).toEqual({ separation: { phase: 'QUEUED', charge: 'NONE' } })
    await off.close()
    expect(provider.orders).toHaveLength(1)
  })
})
