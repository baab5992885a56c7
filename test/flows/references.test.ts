import { describe, expect, test } from 'vitest'
import { ListDocument, SeparateDocument, type SeparationFilter } from '../../schema/operations.ts'
import { fingerprintOf } from '../../src/separation/order/separate-input.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { openStoreOf } from '../support/database.ts'
import { order, someTrack, startGateway, type TestGateway } from '../support/gateway.ts'
import { pendingTask, succeededTask } from '../support/tasks.ts'

async function referencesOf(gateway: TestGateway, where: SeparationFilter): Promise<readonly (string | null)[]> {
  const { data, errors } = await gateway.send(ListDocument, { where, first: 100 })
  if (errors !== undefined) throw new Error(errors[0]?.message)
  return (data?.separations.edges ?? []).map(({ node }) => node.reference ?? null)
}

/** Orders a track of its own for each reference, oldest first. */
async function orderEach(gateway: TestGateway, references: readonly string[]): Promise<void> {
  for (const [index, reference] of references.entries()) {
    await order(gateway, { audioId: `done-${index}`, reference })
  }
}

describe('a reference', () => {
  test('is kept with its task and finds it again', async () => {
    const gateway = await startGateway()
    const taskId = await order(gateway, { audioId: 'done-1', reference: 'user-7/Ein Lied 🎵' })
    await order(gateway, { audioId: 'done-2' })
    const { data } = await gateway.ask('query ($taskId: ID!) { separation(taskId: $taskId) { reference } }', { taskId })
    expect(data).toEqual({ separation: { reference: 'user-7/Ein Lied 🎵' } })
    expect(await referencesOf(gateway, { reference: 'user-7/Ein Lied 🎵' })).toEqual(['user-7/Ein Lied 🎵'])
    expect(await referencesOf(gateway, {})).toEqual([null, 'user-7/Ein Lied 🎵'])
  })

  test('stays that of the first order when another order joins its task', async () => {
    const gateway = await startGateway()
    const taskId = await order(gateway, { audioId: 'slow-1', reference: 'first' })
    expect(await order(gateway, { audioId: 'slow-1', reference: 'second' })).toBe(taskId)
    expect(await order(gateway, { audioId: 'slow-1' })).toBe(taskId)
    expect(await referencesOf(gateway, {})).toEqual(['first'])
  })

  test('belongs to the input of an idempotency key, and its absence leaves stored fingerprints as they were', async () => {
    const gateway = await startGateway()
    const separate = async (reference: string | null) =>
      (
        await gateway.send(SeparateDocument, {
          input: { ...someTrack, audioId: 'slow-1', idempotencyKey: 'k', reference },
        })
      ).data?.separate.__typename
    expect(await separate('one')).toBe('SeparateSuccess')
    expect(await separate('one')).toBe('SeparateSuccess')
    expect(await separate('two')).toBe('IdempotencyConflictError')
    expect(await separate(null)).toBe('IdempotencyConflictError')
    const input = { ...someTrack, type: 'split_stem', provider: 'kie', idempotencyKey: 'k', force: false } as const
    expect(fingerprintOf(input)).toBe('["music-task","audio-1","split_stem","kie"]')
  })

  test.each([
    ['empty', ''],
    ['longer than 255 characters', 'x'.repeat(256)],
    ['with a control character', 'a\u0000b'],
    ['with half a character', 'a\ud800'],
  ])('%s is refused', async (_what, reference) => {
    const gateway = await startGateway()
    const { data } = await gateway.send(SeparateDocument, { input: { ...someTrack, reference } })
    expect(data?.separate).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [{ path: ['input', 'reference'] }],
    })
  })
})

describe('a list by the beginning of a reference', () => {
  test('compares characters as they are: case differs, and no character is a wildcard', async () => {
    const gateway = await startGateway()
    const references = [
      'user-7/a',
      'user-7/B',
      'USER-7/c',
      'user-70/d',
      'user_7/e',
      'user%7/f',
      'user-7',
      'ÿ/g',
      'zz',
      '🎵/h',
    ]
    await orderEach(gateway, references)
    const newestFirst = references.toReversed()
    for (const referencePrefix of [
      'user-7',
      'user-7/',
      'USER',
      'user_',
      'user%',
      'u',
      'ÿ',
      'z',
      '🎵',
      '\u{10ffff}',
      'user-7/a',
      'x',
    ]) {
      expect([referencePrefix, await referencesOf(gateway, { referencePrefix })]).toEqual([
        referencePrefix,
        newestFirst.filter((each) => each.startsWith(referencePrefix)),
      ])
    }
    expect(await referencesOf(gateway, { reference: 'user-7' })).toEqual(['user-7'])
    expect(await referencesOf(gateway, { reference: 'user-7', referencePrefix: 'user-7/' })).toEqual([])
    await expect(referencesOf(gateway, { referencePrefix: '' })).rejects.toThrow('must not be empty')
  })

  test('agrees with every other filter', async () => {
    const gateway = await startGateway()
    const store = await openStoreOf(gateway)
    for (const reference of ['user-7/one', 'user-7/two', 'user-8/one', null]) {
      for (const audioId of ['a', 'b']) {
        for (const make of [pendingTask, succeededTask]) {
          const id = newTaskId()
          await store.adopt(make({ id, providerTaskId: id, reference, audioId, musicTaskId: 'm' }), null)
        }
      }
    }
    const count = async (where: SeparationFilter) => (await referencesOf(gateway, where)).length
    expect(await count({ referencePrefix: 'user-7/' })).toBe(8)
    expect(await count({ referencePrefix: 'user-7/', settled: true })).toBe(4)
    expect(await count({ referencePrefix: 'user-', audioId: 'a', status: ['PENDING'] })).toBe(3)
    expect(await count({ reference: 'user-7/one' })).toBe(4)
    expect(await count({ reference: 'user-7/one', settled: true })).toBe(2)
    expect(await count({ reference: 'user-7/one', audioId: 'b', musicTaskId: 'm' })).toBe(2)
    expect(await count({ reference: 'user-7/one', audioId: 'b', settled: false })).toBe(1)
    expect(await count({ reference: 'user-7/one', musicTaskId: 'other' })).toBe(0)
  })
})
