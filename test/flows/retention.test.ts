import { describe, expect, onTestFinished, test } from 'vitest'
import { ListDocument, ReadDocument, SeparateDocument, WatchDocument } from '../../schema/operations.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { newFolderArchive, oggBytes, storeNewTask, untilArchived } from '../support/archive.ts'
import { webhookEndpoint } from '../../src/separation/webhooks/webhook-endpoint.ts'
import { ownerTables, taskTables } from '../../src/stores/purge/task-tables.ts'
import { changeRows, isShared, openStoreOf, rowsOf } from '../support/database.ts'
import { rangedFile, startFileServer } from '../support/file-server.ts'
import { collect, order, someTrack, startGateway, untilSettled, type TestGateway } from '../support/gateway.ts'
import { readMetrics } from '../support/metrics.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { failedTask, pendingTask, succeededTask } from '../support/tasks.ts'

const dayMs = 24 * 60 * 60_000
const soon = { timeout: 20_000, interval: 50 }

/** A gateway on the same database that keeps tasks for 31 days, so many days later. */
function startLater(gateway: Pick<TestGateway, 'environment'>, days = 40, environment: Record<string, string> = {}) {
  const clock = { nowMs: () => Date.now() + days * dayMs }
  const whole = { ...gateway.environment, TASKS_KEPT_DAYS: '31', ...environment }
  return startGateway(whole, onTestFinished, {}, { clock })
}

async function start(environment: Record<string, string> = {}) {
  const provider = await startPlayedProvider()
  const gateway = await startGateway({ ...provider.environment, ...environment })
  const store = await openStoreOf(gateway)
  return { provider, gateway, store }
}

async function read(gateway: TestGateway, taskId: string) {
  const { data, errors } = await gateway.send(ReadDocument, { taskId })
  if (errors !== undefined) throw new Error(JSON.stringify(errors))
  return data?.separation ?? null
}

async function separate(gateway: TestGateway, input: object) {
  const { data } = await gateway.send(SeparateDocument, { input: { ...someTrack, ...input } })
  return data?.separate
}

/** Everything that the database holds, as text, but for what is written when a gateway starts. */
async function wholeDatabase(gateway: TestGateway): Promise<string> {
  const tables = ['tasks', 'tombstones', ...taskTables]
  const rows = await Promise.all(tables.map((table) => rowsOf(gateway, `select * from ${table}`)))
  return JSON.stringify(rows)
}

const purgedLine = (gateway: TestGateway) => gateway.logged.find((line) => line.includes('tasks.purged'))

/** A settled task with everything that may belong to one. */
async function settledTask({ provider, gateway, store }: Awaited<ReturnType<typeof start>>, key = 'my-key') {
  const taskId = await order(gateway, { idempotencyKey: key, reference: 'my-reference' })
  const { body } = await provider.order(provider.orders.length - 1)
  const providerTaskId = `provider-task-${provider.orders.length}`
  provider.answerRead(recordOfSuccess(providerTaskId, { callbackUrl: body.callBackUrl }))
  expect(await provider.callBack(body.callBackUrl, callbackOfSuccess(providerTaskId))).toBe(200)
  await untilSettled(gateway, taskId)
  const file = { taskId, stem: 'vocal', url: 'https://files.example/vocal.mp3' }
  await store.learnStemFile({ ...file, sizeBytes: 1, format: 'mp3', durationSeconds: 1 })
  await store.saveStemPeaks(file, new Uint8Array([1]))
  await store.saveCallback({ taskId, receivedAtMs: Date.now() - 1, providerTaskId: null, report: null })
  await changeRows(gateway, 'update tasks set due_at = null where id = ?', [taskId])
  return { taskId, providerTaskId, callbackUrl: body.callBackUrl }
}

describe('with TASKS_KEPT_DAYS, an old task', () => {
  test('is deleted with everything that belongs to it, and a tombstone without a name remains', async () => {
    const started = await start()
    const { taskId, providerTaskId } = await settledTask(started)
    expect(await wholeDatabase(started.gateway)).toContain(taskId)

    const later = await startLater(started.gateway)
    await expect.poll(() => read(later, taskId), soon).toBeNull()
    await expect.poll(() => purgedLine(later), soon).toContain('"tasks":1')
    const left = await wholeDatabase(later)
    for (const name of [taskId, providerTaskId, 'my-key', 'my-reference', 'anonymous']) expect(left).not.toContain(name)
    const tombstones = await rowsOf(later, 'select * from tombstones order by mark')
    const day = Math.floor(Date.now() / dayMs)
    expect(tombstones).toEqual(
      ['k', 'p', 't'].map((kind) => ({
        mark: expect.stringMatching(new RegExp(`^${kind}[\\w-]{16}$`)),
        charge: 'CHARGED',
        day,
      })),
    )
  })

  test('is as unknown to a gateway that has answered it before as to one that has not', async () => {
    const started = await start()
    const { taskId } = await settledTask(started)
    for (let nth = 0; nth < 3; nth += 1) expect(await read(started.gateway, taskId)).toMatchObject({ id: taskId })
    await startLater(started.gateway)
    await expect.poll(() => read(started.gateway, taskId), soon).toBeNull()
    const { data } = await started.gateway.ask('query ($id: ID!) { node(id: $id) { id } }', { id: taskId })
    expect(data).toEqual({ node: null })
    expect(await collect(started.gateway.connect(), WatchDocument, { taskId })).toEqual([{ separationUpdated: null }])
  })

  test('is kept while it is pending, may be charged, is still told, or has changed since', async () => {
    const { gateway, store } = await start()
    const [pending, failed] = [pendingTask(), failedTask({ charge: 'NONE', providerTaskId: null })]
    const unconfirmed = failedTask({
      charge: 'MAYBE',
      providerTaskId: null,
      failure: { code: 'SUBMISSION_UNCONFIRMED', providerCode: null, message: 'Lost.', by: 'gateway', atMs: 0 },
    })
    const succeeded = succeededTask({ providerTaskId: 'p-1' })
    const checked = succeededTask({ providerTaskId: 'p-2' })
    for (const task of [pending, failed, unconfirmed, succeeded]) await store.adopt(task, null).catch(() => {})
    for (const task of [failed, unconfirmed]) await store.restore(task)
    await store.adopt(checked, Date.now() + 60 * dayMs)
    const told = succeededTask({ providerTaskId: 'p-3' })
    const endpoint = webhookEndpoint(told.owner, 'https://127.0.0.1/is-not-allowed')
    await store.adopt(told, null, { webhook: endpoint })
    const unused = ['whe_unused', told.owner, 'https://app.example/hook', 1]
    await changeRows(gateway, 'insert into webhook_endpoints (id, owner, url, created_at) values (?, ?, ?, ?)', unused)
    await changeRows(gateway, 'update tasks set due_at = null where id <> ?', [checked.id])

    const later = await startLater(gateway)
    await expect.poll(() => purgedLine(later), soon).toContain('"tasks":2')
    const left = (await rowsOf(later, 'select id from tasks')).map(({ id }) => String(id))
    expect(left.toSorted()).toEqual([pending.id, unconfirmed.id, checked.id, told.id].toSorted())
    expect(await rowsOf(later, 'select id from webhook_endpoints')).toEqual([{ id: endpoint.id }])
  })

  test('is not ordered again by its idempotency key, but by a new one', async () => {
    const started = await start()
    const { taskId } = await settledTask(started)
    const later = await startLater(started.gateway)
    await expect.poll(() => read(later, taskId), soon).toBeNull()

    for (const force of [false, true]) {
      expect(await separate(later, { idempotencyKey: 'my-key', force })).toEqual({
        __typename: 'TaskDeletedError',
        message: expect.stringContaining('Nothing was ordered or charged now. Use a new key'),
        retryable: false,
        charge: 'CHARGED',
      })
    }
    const many = await Promise.all(
      Array.from({ length: 10 }, () => separate(started.gateway, { idempotencyKey: 'my-key', audioId: 'other' })),
    )
    expect(new Set(many.map((each) => each?.__typename))).toEqual(new Set(['TaskDeletedError']))
    expect(started.provider.orders).toHaveLength(1)
    const metrics = await readMetrics(later.url)
    expect(metrics.value('stemgate_orders_total', { outcome: 'refused', reason: 'task-deleted' })).toBe(2)
    expect(await separate(later, { idempotencyKey: 'new-key' })).toMatchObject({ reused: false })
    expect(started.provider.orders).toHaveLength(2)
  })

  test('does not come back by a late callback, nor by the id that the provider has for it', async () => {
    const started = await start()
    const { taskId, providerTaskId, callbackUrl } = await settledTask(started)
    const later = await startLater(started.gateway)
    await expect.poll(() => read(later, taskId), soon).toBeNull()

    const status = await started.provider.callBack(callbackUrl, callbackOfSuccess(providerTaskId))
    expect(status).toBe(200)
    expect(started.gateway.logged.filter((line) => line.includes('callback.deleted-task'))).toHaveLength(1)
    const metrics = await readMetrics(started.gateway.url)
    expect(metrics.value('stemgate_callbacks_total', { result: 'deleted-task' })).toBe(1)
    for (const answer of [
      recordOfSuccess(providerTaskId, { callbackUrl }),
      recordOfSuccess(providerTaskId, { callbackUrl: null }),
      recordOfSuccess(providerTaskId, { callbackUrl: callbackUrl.replace(/[^/]*$/, '***') }),
    ]) {
      started.provider.answerRead(answer)
      const fresh = await startGateway(started.gateway.environment)
      expect(await read(fresh, providerTaskId)).toBeNull()
    }
    expect(await rowsOf(later, 'select id from tasks')).toEqual([])
  })

  test('leaves lists that are being read without a gap or a double', async () => {
    const { gateway, store } = await start()
    const tasks = Array.from({ length: 30 }, (_each, nth) =>
      succeededTask({ id: newTaskId(), providerTaskId: `p-${nth}`, createdAtMs: Date.UTC(2030, 0, 1) + nth }),
    )
    for (const task of tasks) await store.adopt(task, null)
    const page = async (after: string | null) => {
      const { data } = await gateway.send(ListDocument, { first: 10, after })
      return data?.separations
    }
    const first = await page(null)
    // Not the newest ten, whose last is the cursor, and not the oldest ten.
    for (const task of tasks.slice(10, 20)) {
      await changeRows(gateway, 'update tasks set changed_at = ? where id = ?', [Date.now() + 20 * dayMs, task.id])
    }
    const later = await startLater(gateway)
    await expect.poll(() => purgedLine(later), soon).toContain('"tasks":20')
    const second = await page(first?.pageInfo.endCursor ?? null)
    expect(second?.edges?.map((edge) => edge?.node.id)).toEqual(
      tasks
        .slice(10, 20)
        .toReversed()
        .map(({ id }) => id),
    )
    expect(second?.pageInfo.hasNextPage).toBe(false)
  })

  test('takes its files in the archive along, and its links end', async () => {
    const archive = await newFolderArchive()
    const files = await startFileServer(rangedFile(oggBytes(1_000)))
    const gateway = await startGateway({ STEM_HOSTS_ALLOWED: files.host, ...archive.environment })
    const { id } = await storeNewTask(gateway, { vocal: `${files.url}/a.mp3`, instrumental: `${files.url}/b.mp3` })
    const [stem] = (await untilArchived(gateway, id)).allStems
    expect(await archive.keys()).toHaveLength(1)
    expect((await fetch(stem?.url ?? '')).status).toBe(200)

    // Without the archive, its files would be left behind.
    const { ARCHIVE_URL: _url, ...withoutArchive } = gateway.environment
    const blind = await startLater({ environment: withoutArchive }, 40)
    await expect.poll(() => blind.logged.some((line) => line.includes('tasks.kept')), soon).toBe(true)
    expect(await read(blind, id)).not.toBeNull()
    await blind.close()

    const later = await startLater(gateway, 41)
    await expect.poll(() => read(later, id), soon).toBeNull()
    expect(await archive.keys()).toEqual([])
    expect((await fetch(stem?.url ?? '')).status).toBe(403)
  })

  test('is deleted by one of four gateways', async () => {
    const { gateway, store } = await start()
    for (let nth = 0; nth < 40; nth += 1) {
      await store.adopt(succeededTask({ id: newTaskId(), providerTaskId: `p-${nth}` }), null)
    }
    const four = await Promise.all([40, 40, 40, 40].map((days) => startLater(gateway, days)))
    await expect.poll(async () => (await rowsOf(gateway, 'select id from tasks')).length, soon).toBe(0)
    const ran = () => four.filter((each) => purgedLine(each) !== undefined)
    await expect.poll(() => ran().length, soon).toBe(1)
    const [one] = ran()
    const metrics = await readMetrics(one?.url ?? '')
    expect(metrics.value('stemgate_purged_tasks_total')).toBe(40)
    expect(metrics.value('stemgate_last_purge_timestamp_seconds')).toBeGreaterThan(1e9)
    expect(metrics.value('stemgate_oldest_task_age_seconds')).toBe(0)
  })
})

test('every table with the id of a task or the name of an owner is emptied with it', async () => {
  const { gateway } = await start()
  const columns = await rowsOf(
    gateway,
    isShared
      ? 'select table_name as name, column_name as "column" from information_schema.columns where table_schema = \'public\''
      : 'select t.name, c.name as "column" from sqlite_master t, pragma_table_info(t.name) c where t.type = \'table\'',
  )
  const tablesWith = (column: string) =>
    columns.filter((each) => each['column'] === column).map(({ name }) => String(name))
  const ofTasks = tablesWith('task_id')
  expect(ofTasks.toSorted()).toEqual([...taskTables].toSorted())
  const ofOwners = tablesWith('owner').filter((name) => name !== 'tasks' && name !== 'keys')
  expect(ofOwners.toSorted()).toEqual([...ownerTables].toSorted())
})

test('without TASKS_KEPT_DAYS, tasks are kept for ever', async () => {
  const { gateway, store } = await start()
  const task = succeededTask()
  await store.adopt(task, null)
  await changeRows(gateway, 'update tasks set changed_at = 1 where id = ?', [task.id])
  const later = await startLater(gateway, 4_000, { TASKS_KEPT_DAYS: '' })
  const purging = await startLater(gateway, 20, { TASKS_KEPT_DAYS: '36500' })
  const lastRun = async () => (await readMetrics(purging.url)).value('stemgate_last_purge_timestamp_seconds')
  await expect.poll(lastRun, soon).toBeGreaterThan(1e9)
  expect(await read(later, task.id)).toMatchObject({ id: task.id })
})
