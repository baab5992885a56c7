import { describe, expect, onTestFinished, test } from 'vitest'
import { WatchDocument } from '../../schema/operations.ts'
import { createRecord } from '../../src/separation/advance/record.ts'
import { createCallbackAddresses } from '../../src/separation/callback/callback-address.ts'
import { planResolution } from '../../src/separation/resolution.ts'
import type { Task } from '../../src/separation/task/task.ts'
import { adminJson, runAdmin, storeTasks } from '../support/admin.ts'
import { canary } from '../support/canaries.ts'
import { openStoreOf } from '../support/database.ts'
import { collect, order, startGateway, storedTask, untilSettled, type TestGateway } from '../support/gateway.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { failedTask, pendingTask, succeededTask } from '../support/tasks.ts'

/** A gateway whose provider never answers an order. Its clock is slow: its orders are older than the wait for their answers. */
async function startUnanswered(more: Readonly<Record<string, string>> = {}) {
  const provider = await startPlayedProvider()
  provider.answerSubmit((response) => response.destroy())
  const clock = { nowMs: () => Date.now() - 10 * 60_000 }
  const environment = { ...provider.environment, ...more }
  const gateway = await startGateway(environment, onTestFinished, {}, { clock })
  return { provider, gateway }
}

const read = `query ($taskId: ID!) { separation(taskId: $taskId) { status charge failure { code message } events { type } } }`

interface Shown {
  readonly status: string
  readonly charge: string
  readonly failure: { readonly code: string; readonly message: string } | null
  readonly events: readonly { readonly type: string }[]
}

async function shown(gateway: TestGateway, taskId: string): Promise<Shown> {
  const { data, errors } = await gateway.ask(read, { taskId })
  if (errors !== undefined) throw new Error(errors[0]?.message)
  return data?.['separation'] as Shown
}

const used = async (gateway: TestGateway) => (await gateway.ask('{ viewer { budgets { used } } }')).data?.['viewer']

describe('an order that nobody confirmed', () => {
  test('is settled for its subscribers, costs nothing and can be placed again once it is not charged', async () => {
    const { provider, gateway } = await startUnanswered({ ORDERS_PER_DAY: '5' })
    const id = await order(gateway)
    await expect.poll(async () => (await shown(gateway, id)).events.at(-1)?.type).toBe('UNANSWERED')
    expect(await used(gateway)).toEqual({ budgets: [{ used: 1 }] })
    const told = collect(gateway.connect(), WatchDocument, { taskId: id })

    expect(await adminJson(gateway, 'resolve', '--not-charged', '--dry-run', id)).toMatchObject({
      isDryRun: true,
      tasks: [{ id, from: 'MAYBE', to: 'NONE', result: 'would be changed' }],
    })
    expect(await shown(gateway, id)).toMatchObject({ status: 'PENDING', charge: 'MAYBE' })

    const { code, stdout, stderr } = await runAdmin(gateway, 'resolve', '--not-charged', id)
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`^${id} +MAYBE +NONE +changed$`, 'm')),
    })
    const line = stderr.split('\n').find((each) => each.includes('task.resolved')) ?? ''
    expect(JSON.parse(line)).toMatchObject({ event: 'task.resolved', taskId: id, by: 'operator', charge: 'NONE' })
    expect((await told).at(-1)?.separationUpdated).toMatchObject({ status: 'CREATE_TASK_FAILED', charge: 'NONE' })
    expect(await shown(gateway, id)).toMatchObject({
      failure: { code: 'SUBMISSION_UNCONFIRMED', message: expect.stringContaining('was not charged') },
      events: expect.arrayContaining([{ type: 'RESOLVED' }]),
    })
    expect(await used(gateway)).toEqual({ budgets: [{ used: 0 }] })
    expect((await runAdmin(gateway, 'show', id)).stdout).toMatch(/^budgets +orders\/day: 1 \(given back\)$/m)

    // Again: nothing changes. The same order is a new one, and is sent.
    expect(await adminJson(gateway, 'resolve', '--not-charged', id)).toMatchObject({
      tasks: [{ result: 'known already' }],
    })
    expect(await order(gateway)).not.toBe(id)
    expect(provider.orders).toHaveLength(2)
    expect(await used(gateway)).toEqual({ budgets: [{ used: 1 }] })
  })

  test('is what its callback shows, whatever the operator has said', async () => {
    const { provider, gateway } = await startUnanswered({ ORDERS_PER_DAY: '5' })
    const id = await order(gateway)
    await expect.poll(async () => (await shown(gateway, id)).events.at(-1)?.type).toBe('UNANSWERED')
    await adminJson(gateway, 'resolve', '--not-charged', id)
    const { body } = await provider.order(0)
    provider.answerRead(recordOfSuccess('provider-task-1', { callbackUrl: body.callBackUrl }))
    expect(await provider.callBack(body.callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)
    await expect
      .poll(() => shown(gateway, id), { timeout: 10_000 })
      .toMatchObject({ status: 'SUCCESS', charge: 'CHARGED' })
    expect(await used(gateway)).toEqual({ budgets: [{ used: 1 }] })
    const { resolution } = await storedTask(await openStoreOf(gateway), id)
    expect(resolution).toBeNull()
    const late = await runAdmin(gateway, 'resolve', '--not-charged', id)
    expect(late).toMatchObject({ code: 1, stdout: expect.stringContaining('the provider has accepted the order') })
  })

  test('that was charged answers the same order, and the operator can correct that', async () => {
    const gateway = await startGateway({ ORDERS_PER_DAY: '5' })
    const task = failedTask({
      provider: 'sandbox',
      charge: 'MAYBE',
      providerTaskId: null,
      musicTaskId: 'music-task',
      audioId: 'done',
      type: 'separate_vocal',
      createdAtMs: Date.now() - 3_600_000,
      failure: { ...failedTask().failure, code: 'SUBMISSION_UNCONFIRMED', by: 'gateway', providerCode: null },
    })
    await storeTasks(gateway, [task])
    await adminJson(gateway, 'resolve', '--charged', task.id)
    expect(await shown(gateway, task.id)).toMatchObject({
      charge: 'CHARGED',
      failure: { message: expect.stringContaining('was charged') },
    })
    expect(await order(gateway, { audioId: 'done' })).toBe(task.id)
    expect(await adminJson(gateway, 'resolve', '--not-charged', task.id)).toMatchObject({
      tasks: [{ from: 'CHARGED', to: 'NONE', result: 'changed' }],
    })
    const next = await order(gateway, { audioId: 'done' })
    expect(next).not.toBe(task.id)
    await untilSettled(gateway, next)
  })
})

/** A gateway learns of a pause, and of its end, within some seconds. */
async function untilLogged(gateway: TestGateway, event: string): Promise<void> {
  await expect.poll(() => gateway.logged.join('\n'), { timeout: 10_000 }).toContain(event)
}

/** A gateway with queued orders of one caller, the oldest first, at a provider that is paused. */
async function startQueued(count: number) {
  const secret = `callback-secret-${canary}`
  const provider = await startPlayedProvider()
  const more = { CALLBACK_SECRET: secret, SUBMITS_PER_10_SECONDS: '100' }
  const gateway = await startGateway({ ...provider.environment, ...more })
  await adminJson(gateway, 'pause', 'kie')
  await untilLogged(gateway, 'provider.paused')
  const queued = Array.from({ length: count }, (_, nth) =>
    pendingTask({
      charge: 'NONE',
      providerTaskId: null,
      audioId: `audio-${nth}`,
      createdAtMs: Date.now() - 600_000 + nth,
    }),
  )
  await storeTasks(gateway, queued)
  const sent = () => provider.orders.map(({ body }) => body.audioId)
  return { provider, gateway, queued, sent, secret }
}

describe('a queued order that was sent since the copy that the store is restored from', () => {
  test('is not sent again once it is charged, and its callback brings its result', async () => {
    const { provider, gateway, queued, sent, secret } = await startQueued(2)
    const [first, second] = queued.map(({ id }) => id)
    if (first === undefined || second === undefined) throw new Error('There are no orders.')
    const wrong = await runAdmin(gateway, 'resolve', '--not-charged', first)
    expect(wrong).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('not changed: the order is queued: it is not sent yet, and nothing is charged'),
    })
    expect(await adminJson(gateway, 'resolve', '--charged', first, '--dry-run')).toMatchObject({
      tasks: [{ from: 'NONE', to: 'CHARGED', result: 'would be changed' }],
    })
    expect(await adminJson(gateway, 'resolve', '--charged', first)).toMatchObject({
      tasks: [{ from: 'NONE', to: 'CHARGED', result: 'changed' }],
    })
    expect(await adminJson(gateway, 'tasks', '--queued')).toMatchObject({ tasks: [{ id: second }] })
    await adminJson(gateway, 'resume', 'kie')
    // The caller's orders are sent oldest first.
    await provider.order(0)
    expect(sent()).toEqual(['audio-1'])
    expect(await order(gateway, { musicTaskId: 'my-music', audioId: 'audio-0' })).toBe(first)

    const addresses = createCallbackAddresses({ publicUrl: () => gateway.url, secrets: () => [secret] })
    const url = addresses.urlOf(await storedTask(await openStoreOf(gateway), first))
    provider.answerRead(recordOfSuccess('lost-task', { callbackUrl: url }))
    expect(await provider.callBack(url, callbackOfSuccess('lost-task'))).toBe(200)
    expect(await untilSettled(gateway, first)).toMatchObject({ status: 'SUCCESS', charge: 'CHARGED' })
    expect(sent()).toEqual(['audio-1'])
  })

  test('gets its result when its caller looks up the id of the provider', async () => {
    const { provider, gateway, queued, sent, secret } = await startQueued(1)
    const [task] = queued
    if (task === undefined) throw new Error('There is no order.')
    await adminJson(gateway, 'resolve', '--charged', task.id)
    await adminJson(gateway, 'resume', 'kie')
    const addresses = createCallbackAddresses({ publicUrl: () => gateway.url, secrets: () => [secret] })
    provider.answerRead(recordOfSuccess('lost-task', { callbackUrl: addresses.urlOf(task) }))
    const { data } = await gateway.ask('{ separation(taskId: "lost-task") { id status charge } }')
    expect(data).toEqual({ separation: { id: task.id, status: 'SUCCESS', charge: 'CHARGED' } })
    expect(sent()).toEqual([])
  })

  test('can be corrected, fails then, and can be placed again', async () => {
    const { provider, gateway, queued } = await startQueued(1)
    const [task] = queued
    if (task === undefined) throw new Error('There is no order.')
    await adminJson(gateway, 'resolve', '--charged', task.id)
    const soon = await runAdmin(gateway, 'resolve', '--not-charged', task.id)
    expect(soon.stdout).toMatch(/CHARGED +NONE +changed$/m)
    expect(await shown(gateway, task.id)).toMatchObject({ status: 'CREATE_TASK_FAILED', charge: 'NONE' })
    await adminJson(gateway, 'resume', 'kie')
    await untilLogged(gateway, 'provider.resumed')
    expect(await order(gateway, { musicTaskId: 'my-music', audioId: 'audio-0' })).not.toBe(task.id)
    await provider.order(0)
  })

  test('is either sent or charged by the operator, never both, if both happen at once', async () => {
    const { provider, gateway, queued, sent } = await startQueued(40)
    const store = await openStoreOf(gateway)
    const silent = { debug() {}, info() {}, warn() {}, error() {} }
    const record = createRecord({ store, clock: store, changes: { publish() {} }, log: silent })
    const charge = (stored: Task) => {
      const plan = planResolution(stored, 'CHARGED', Date.now())
      return plan.kind === 'changes' ? plan.reports : []
    }
    await adminJson(gateway, 'resume', 'kie')
    // The gateway sends the oldest first, so that both meet in the middle.
    await provider.order(0)
    const kept = new Set(queued.map(({ audioId }) => audioId))
    for (const { id, audioId } of queued.toReversed()) {
      const resolved = await record(id, charge)
      if (resolved?.resolution?.charge === 'CHARGED') kept.delete(audioId)
    }
    await expect.poll(() => sent().length, { timeout: 10_000 }).toBe(kept.size)
    await gateway.close()
    expect(new Set(sent())).toEqual(kept)
    expect(sent()).toHaveLength(kept.size)
  })
})

describe('resolve', () => {
  test('changes only what can be changed of many tasks, and says why not', async () => {
    const gateway = await startGateway({ SANDBOX_DELAY_MS: '60000' })
    const young = await order(gateway, { audioId: 'done' })
    const unconfirmed = Array.from({ length: 40 }, () =>
      failedTask({
        charge: 'MAYBE',
        providerTaskId: null,
        createdAtMs: Date.now() - 3_600_000,
        failure: { ...failedTask().failure, code: 'SUBMISSION_UNCONFIRMED', by: 'gateway' },
      }),
    )
    const refused = failedTask({ charge: 'NONE', failure: { ...failedTask().failure, code: 'SUBMISSION_REFUSED' } })
    const done = succeededTask()
    await storeTasks(gateway, [...unconfirmed, refused, done])
    const ids = [...unconfirmed, refused, done].map(({ id }) => id)
    const { code, stdout } = await runAdmin(gateway, 'resolve', '--charged', ...ids, ...ids, young, 'nothing')
    expect(code).toBe(1)
    const lines = stdout.split('\n').slice(1, -1)
    expect(lines).toHaveLength(ids.length + 2)
    expect(lines.filter((line) => /MAYBE +CHARGED +changed$/.test(line))).toHaveLength(40)
    expect(lines.slice(40)).toEqual([
      expect.stringMatching(/NONE +NONE +not changed: the order was refused$/),
      expect.stringMatching(/CHARGED +CHARGED +known already$/),
      expect.stringMatching(new RegExp(`^${young} +CHARGED +CHARGED +known already$`)),
      expect.stringMatching(/^nothing +- +- +no such task$/),
    ])
  })

  test.each([{ args: ['sep_x'] }, { args: ['--charged', '--not-charged', 'sep_x'] }])(
    'refuses $args, which does not say what came of the order',
    async ({ args }) => {
      const { code, stderr } = await runAdmin({ environment: {} }, 'resolve', ...args)
      expect({ code, stderr }).toEqual({ code: 1, stderr: 'Give either --charged or --not-charged.\n' })
    },
  )

  test('refuses an order whose answer may still arrive', async () => {
    const provider = await startPlayedProvider()
    provider.answerSubmit(() => {})
    const gateway = await startGateway({ ...provider.environment, SUBMIT_TIMEOUT_SECONDS: '1' })
    const id = await order(gateway)
    const { code, stdout } = await runAdmin(gateway, 'resolve', '--not-charged', id)
    expect(code).toBe(1)
    expect(stdout).toMatch(/MAYBE +MAYBE +not changed: its answer may still arrive: wait 1[34]\d s$/m)
    expect(await shown(gateway, id)).toMatchObject({ status: 'PENDING', charge: 'MAYBE' })
  })
})
