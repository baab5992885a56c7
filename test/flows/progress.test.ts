import { expect, test } from 'vitest'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { createExpectations } from '../../src/separation/order/expectations.ts'
import { openStoreOf } from '../support/database.ts'
import { order, startGateway, untilSettled, type TestGateway } from '../support/gateway.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { pendingTask, succeededTask } from '../support/tasks.ts'

const read = `query ($taskId: ID!) { separation(taskId: $taskId) {
  phase status revision createdAt updatedAt expectedAt completedAt events { type at } } }`

interface Progress {
  readonly phase: string
  readonly revision: number
  readonly createdAt: string
  readonly updatedAt: string
  readonly expectedAt: string | null
  readonly events: readonly { readonly type: string; readonly at: string }[]
}

async function progressOf(gateway: TestGateway, taskId: string): Promise<Progress> {
  const { data, errors } = await gateway.ask(read, { taskId })
  if (errors !== undefined) throw new Error(errors[0]?.message)
  return data?.['separation'] as Progress
}

const typesOf = ({ events }: Progress) => events.map(({ type }) => type)

test('a task tells its phase, what happened, and when it last changed', async () => {
  const provider = await startPlayedProvider()
  const gateway = await startGateway(provider.environment)
  const taskId = await order(gateway)
  const before = await progressOf(gateway, taskId)
  expect(before.phase).toBe('PROCESSING')
  expect(typesOf(before)).toEqual(['ORDERED', 'SENT', 'ACCEPTED'])
  expect(Date.parse(before.updatedAt)).toBeGreaterThanOrEqual(Date.parse(before.createdAt))

  const { body } = await provider.order(0)
  provider.answerRead(recordOfSuccess('provider-task-1', { callbackUrl: body.callBackUrl }))
  await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))
  await untilSettled(gateway, taskId)
  const after = await progressOf(gateway, taskId)
  expect(after.phase).toBe('SETTLED')
  expect(typesOf(after).slice(0, 3)).toEqual(['ORDERED', 'SENT', 'ACCEPTED'])
  expect(typesOf(after)).toContain('CHECKED')
  expect(typesOf(after).at(-1)).toBe('SETTLED')
  expect(Date.parse(after.updatedAt)).toBeGreaterThanOrEqual(Date.parse(before.updatedAt))
  const times = after.events.map(({ at }) => Date.parse(at))
  expect(times).toEqual(times.toSorted((a, b) => a - b))
})

test('an order whose answer is lost is UNCONFIRMED at once', async () => {
  const provider = await startPlayedProvider()
  provider.answerSubmit((response) => response.destroy())
  const gateway = await startGateway(provider.environment)
  const taskId = await order(gateway)
  await expect.poll(async () => (await progressOf(gateway, taskId)).phase).toBe('UNCONFIRMED')
  expect(typesOf(await progressOf(gateway, taskId))).toEqual(['ORDERED', 'SENT', 'UNANSWERED'])
})

test('a pending task tells when it is expected, once five of its kind have succeeded, and a settled one does not', async () => {
  const gateway = await startGateway()
  const idOf = async (nth: number) => order(gateway, { audioId: `done-${nth}` })
  for (let nth = 0; nth < 5; nth += 1) {
    const taskId = await idOf(nth)
    expect((await progressOf(gateway, taskId)).expectedAt).toBeNull()
    await untilSettled(gateway, taskId)
  }
  const taskId = await order(gateway, { audioId: 'slow-1' })
  const { createdAt, expectedAt, phase } = await progressOf(gateway, taskId)
  expect(phase).toBe('PROCESSING')
  expect(Date.parse(expectedAt ?? '')).toBeGreaterThan(Date.parse(createdAt))
  await untilSettled(gateway, taskId)
  expect((await progressOf(gateway, taskId)).expectedAt).toBeNull()
  // Each type takes its own time.
  const other = await order(gateway, { audioId: 'slow-2', type: 'SPLIT_STEM' })
  expect((await progressOf(gateway, other)).expectedAt).toBeNull()
})

test('the expectation is the median of the latest 50', () => {
  const expectations = createExpectations()
  const learn = (durationMs: number) => {
    const id = newTaskId()
    const sentAtMs = 1_000_000
    const events = [{ kind: 'sent', atMs: sentAtMs }] as const
    expectations.learn(succeededTask({ id, createdAtMs: 5, events, foundAtMs: sentAtMs + durationMs }))
  }
  const expected = () => expectations.expectedAtMs('kie', 'separate_vocal', 0)
  for (const ms of [1, 2, 900, 4]) learn(ms)
  expect(expected()).toBeNull()
  learn(3)
  expect(expected()).toBe(3)
  for (let nth = 0; nth < 50; nth += 1) learn(70)
  expect(expected()).toBe(70)
})

test('a task of an earlier version, without events, is read with what is known', async () => {
  const gateway = await startGateway()
  const store = await openStoreOf(gateway)
  const task = pendingTask({ charge: 'MAYBE' })
  await store.adopt(task, null)
  expect(await progressOf(gateway, task.id)).toMatchObject({ phase: 'SENDING', events: [{ type: 'ORDERED' }] })
})
