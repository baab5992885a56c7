import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { link, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { sql } from 'kysely'
import { Client } from 'pg'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import type { Task } from '../../src/separation/task/task.ts'
import { copyStore, type CopyOptions } from '../../src/move-store/copy-store.ts'
import { SecretsDifferError } from '../../src/move-store/copy-secrets.ts'
import type { CopyReport } from '../../src/move-store/copy-report.ts'
import { parseDatabaseUrl } from '../../src/stores/database/database-url.ts'
import { openDatabase, type OpenDatabase } from '../../src/move-store/open-database.ts'
import { columnsOf } from '../../src/stores/task/stored-task.ts'
import { order, startGateway, untilSettled, type TestGateway } from '../support/gateway.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { openStoreOf } from '../support/database.ts'
import { findPostgres, newPostgresDatabase } from '../support/services.ts'
import { failedTask, pendingTask, succeededTask } from '../support/tasks.ts'

const postgres = await findPostgres()
const kinds: readonly (readonly [string, () => Promise<string>])[] = [
  ['SQLite', newFileUrl],
  ...(postgres === null ? [] : [['PostgreSQL', () => newPostgresDatabase()] as const]),
]
const allPairs = kinds.flatMap(([from, newFrom]) =>
  kinds.map(([to, newTo]) => ({ from, to, urls: async () => [await newFrom(), await newTo()] as const })),
)
/** Each kind of database on each side. */
const bothDirections = allPairs.length === 1 ? allPairs : allPairs.filter(({ from, to }) => from !== to)
const silentLog = { debug() {}, info() {}, warn() {}, error() {} }
const someTime = 1_700_000_000_000
const noChange = { copied: 0, updated: 0 }

async function newFileUrl(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return `file:${join(folder, 'stemgate.db')}`
}

async function open(url: string): Promise<OpenDatabase> {
  const database = parseDatabaseUrl(url)
  if (database === null) throw new Error(`${url} is not a database URL.`)
  const opened = await openDatabase(database, silentLog)
  onTestFinished(() => opened.db.destroy())
  return opened
}

const copy = (source: OpenDatabase, target: OpenDatabase, more: Partial<CopyOptions> = {}): Promise<CopyReport> =>
  copyStore({ source, target, ...more })

async function putTask({ db }: OpenDatabase, task: Task, dueAtMs: number | null = null): Promise<void> {
  const row = { ...columnsOf(task), due_at: dueAtMs }
  await db
    .insertInto('tasks')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

async function putKey(
  { db }: OpenDatabase,
  key: string,
  taskId: string,
  confirmed = 1,
  owner = 'anonymous',
): Promise<void> {
  await db
    .insertInto('keys')
    .values({ owner, key, fingerprint: 'f', task_id: taskId, created_at: 1, confirmed })
    .execute()
}

async function putCallback({ db }: OpenDatabase, id: string, taskId: string): Promise<void> {
  await db
    .insertInto('callbacks')
    .values({
      id,
      task_id: taskId,
      received_at: someTime,
      provider_task_id: null,
      payload: '{"kind":"reported"}',
      rank: 1,
    })
    .execute()
}

async function putSecrets({ db }: OpenDatabase, secrets: Readonly<Record<string, string>>): Promise<void> {
  const rows = Object.entries(secrets).map(([name, value]) => ({ name, value }))
  await db.insertInto('secrets').values(rows).execute()
}

/** Fills every table, with unusual values. */
async function fill(database: OpenDatabase, tasks = 7): Promise<readonly string[]> {
  const ids = Array.from({ length: tasks }, newTaskId)
  await putSecrets(database, { callbacks: 'the-callbacks-secret', sandbox: 's', deployment: 'd' })
  for (const [i, id] of ids.entries()) {
    const unusual = { id, owner: `key:${i % 3}`, audioId: `'; "🥁" \u0000 ${i}` }
    // SQLite cannot store NUL in a column, but the JSON may contain an escaped one.
    const task =
      i % 3 === 0
        ? pendingTask({ ...unusual, audioId: '🥁' })
        : i % 3 === 1
          ? succeededTask({ id })
          : failedTask({ id })
    await putTask(database, task, [null, 0, someTime + i][i % 3] ?? null)
    await putKey(database, `key ${i} 🥁 '"; ä`, id, i % 2, `key:${9 - i}`)
    await putCallback(database, `cb_${i}`, id)
    await putCallback(database, `cb_${i}_again`, id)
  }
  await putTask(database, pendingTask({ providerTaskId: null, type: null, musicTaskId: null, audioId: null }), 0)
  await putTask(database, pendingTask({ providerTaskId: null }), Number.MAX_SAFE_INTEGER)
  await database.db.insertInto('tombstones').values({ mark: 'tabc', charge: 'CHARGED', day: 20_000 }).execute()
  return ids
}

/** Every row of every table. */
async function rowsOf({ db }: OpenDatabase) {
  const sorted = <T>(rows: T[]) => rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  return {
    tasks: sorted(await db.selectFrom('tasks').selectAll().execute()),
    keys: sorted(await db.selectFrom('keys').selectAll().execute()),
    callbacks: sorted(await db.selectFrom('callbacks').selectAll().execute()),
    tombstones: sorted(await db.selectFrom('tombstones').selectAll().execute()),
    secrets: sorted(await db.selectFrom('secrets').selectAll().execute()),
  }
}

async function storedText({ db }: OpenDatabase, id: string): Promise<string> {
  const { task } = await db.selectFrom('tasks').select('task').where('id', '=', id).executeTakeFirstOrThrow()
  return task
}

async function start(urls: () => Promise<readonly [string, string]>) {
  const [from, to] = await urls()
  const [source, target] = [await open(from), await open(to)]
  return { from, to, source, target }
}

describe.each(allPairs.filter(({ from, to }) => from === 'SQLite' || to === 'SQLite'))(
  'a move from $from to $to',
  ({ urls }) => {
    test('copies every row unchanged, and so does a move back', async () => {
      const { from, source, target } = await start(urls)
      await fill(source)
      const report = await copy(source, target, { pageSize: 2 })
      expect(report).toMatchObject({ isComplete: true, sourceChanged: false, differences: [] })
      expect(report.tables).toEqual({
        tasks: { source: 9, target: 9, copied: 9, updated: 0, skipped: 0 },
        keys: { source: 7, target: 7, copied: 7, updated: 0, skipped: 0 },
        callbacks: { source: 14, target: 14, copied: 14, updated: 0, skipped: 0 },
        tombstones: { source: 1, target: 1, copied: 1, updated: 0, skipped: 0 },
        secrets: { source: 3, target: 3, copied: 3, updated: 0, skipped: 0 },
      })
      const rows = await rowsOf(source)
      expect(rows.tasks.map(({ due_at }) => due_at)).toContain(Number.MAX_SAFE_INTEGER)
      expect(await rowsOf(target)).toEqual(rows)

      const back = await open(from.startsWith('file:') ? await newFileUrl() : await newPostgresDatabase())
      expect(await copy(target, back, { pageSize: 3 })).toMatchObject({ isComplete: true })
      expect(await rowsOf(back)).toEqual(rows)
    })
  },
)

describe.each(bothDirections)('a move from $from to $to', ({ urls }) => {
  test('copies who is told of tasks, and the messages that were not delivered yet', async () => {
    const { source, target } = await start(urls)
    const hook = { id: 'whe_1', owner: 'anonymous', url: 'https://app.example/hook', created_at: 1, paused_at: 2 }
    const message = { id: 'msg_1', endpoint_id: 'whe_1', owner: 'anonymous', type: 'budget.warning', content: '{}' }
    await putTask(source, pendingTask())
    await source.db.insertInto('webhook_endpoints').values(hook).execute()
    const told = [newTaskId(), newTaskId(), newTaskId()].map((task_id) => ({ task_id, endpoint_id: 'whe_1' }))
    await source.db.insertInto('task_webhooks').values(told).execute()
    const held = { ...message, created_at: 5, due_at: null, failures: 8, last_answer: 'HTTP 500' }
    await source.db.insertInto('webhook_messages').values(held).execute()
    for (const pageSize of [2, 500])
      expect(await copy(source, target, { pageSize })).toMatchObject({ isComplete: true })
    expect(await target.db.selectFrom('webhook_endpoints').selectAll().execute()).toMatchObject([hook])
    expect(await target.db.selectFrom('task_webhooks').selectAll().orderBy('task_id').execute()).toEqual(told)
    expect(await target.db.selectFrom('webhook_messages').selectAll().execute()).toMatchObject([held])
  })

  test('stores endpoints together with what refers to them, and copies all of it after an interruption', async () => {
    const { source, target } = await start(urls)
    const tasks = [pendingTask(), pendingTask()]
    for (const task of tasks) await putTask(source, task)
    for (const id of ['whe_1', 'whe_2', 'whe_3']) {
      const hook = { id, owner: 'anonymous', url: `https://app.example/${id}`, created_at: 1 }
      await source.db.insertInto('webhook_endpoints').values(hook).execute()
    }
    const told = tasks.map(({ id }, index) => ({ task_id: id, endpoint_id: `whe_${index + 1}` }))
    await source.db.insertInto('task_webhooks').values(told).execute()
    const message = { owner: 'anonymous', content: '{}', created_at: 5, due_at: null, failures: 8 }
    const settled = {
      ...message,
      id: 'msg_1',
      endpoint_id: 'whe_1',
      task_id: tasks[0]?.id ?? '',
      type: 'separation.settled',
    }
    const warning = { ...message, id: 'msg_2', endpoint_id: 'whe_3', task_id: null, type: 'budget.warning' }
    await source.db.insertInto('webhook_messages').values([settled, warning]).execute()
    const webhooksIn = async ({ db }: OpenDatabase) => ({
      endpoints: await db.selectFrom('webhook_endpoints').select('id').orderBy('id').execute(),
      told: await db.selectFrom('task_webhooks').selectAll().orderBy('task_id').execute(),
      messages: await db.selectFrom('webhook_messages').select(['id', 'endpoint_id']).orderBy('id').execute(),
    })
    for (let steps = 1, isStopped = true; isStopped; steps++) {
      let left = steps
      const attempt: OpenDatabase['attempt'] = (work) =>
        left-- > 0 ? target.attempt(work) : Promise.reject(new Error('stopped'))
      isStopped = await copy(source, { ...target, attempt }, { pageSize: 1 }).then(
        () => false,
        ({ message: why }: Error) => why === 'stopped',
      )
      const { endpoints, ...referring } = await webhooksIn(target)
      const used = [...referring.told, ...referring.messages].map((row) => row.endpoint_id)
      expect(endpoints.map(({ id }) => id)).toEqual([...new Set(used)].toSorted())
    }
    expect(await webhooksIn(target)).toEqual(await webhooksIn(source))
  })

  test('copies a message whose next attempt an earlier version has stored with a fraction', async () => {
    const { source, target } = await start(urls)
    await putTask(source, pendingTask())
    const message = { endpoint_id: 'whe_1', owner: 'anonymous', content: '{}', created_at: 5, failures: 1 }
    const settled = { ...message, id: 'msg_1', task_id: newTaskId(), type: 'separation.settled', due_at: 7 }
    const warning = { ...message, id: 'msg_2', task_id: null, type: 'budget.warning', due_at: 7 }
    await source.db.insertInto('webhook_messages').values([settled, warning]).execute()
    // PostgreSQL stores no fraction.
    const fraction = source.identity === null ? 0.25 : 0
    await source.db
      .updateTable('webhook_messages')
      .set({ due_at: 7 + fraction })
      .execute()
    expect(await copy(source, target)).toMatchObject({ isComplete: true })
    expect(await target.db.selectFrom('webhook_messages').select(['id', 'due_at']).orderBy('id').execute()).toEqual([
      { id: 'msg_1', due_at: 7 },
      { id: 'msg_2', due_at: 7 },
    ])
  })

  test('does not bring back what the target has deleted', async () => {
    const { to, source, target } = await start(urls)
    await putSecrets(source, { callbacks: 'the-callbacks-secret' })
    const task = succeededTask()
    await putTask(source, task)
    await putKey(source, 'my-key', task.id)
    await putCallback(source, 'cb_1', task.id)
    const hook = { id: 'whe_1', owner: task.owner, url: 'https://app.example/hook', created_at: 1 }
    await source.db.insertInto('webhook_endpoints').values(hook).execute()
    await source.db.insertInto('task_webhooks').values({ task_id: task.id, endpoint_id: 'whe_1' }).execute()
    const message = { id: 'msg_1', endpoint_id: 'whe_1', owner: task.owner, type: 'separation.settled', created_at: 5 }
    const waiting = { ...message, task_id: task.id, content: JSON.stringify(task), due_at: 5, failures: 0 }
    const warning = { ...message, id: 'msg_2', type: 'budget.warning', content: '{}', due_at: 5, failures: 0 }
    await source.db
      .insertInto('webhook_messages')
      .values([{ ...warning, task_id: null }, waiting])
      .execute()
    expect(await copy(source, target)).toMatchObject({ isComplete: true })
    expect(await target.db.selectFrom('webhook_messages').select('id').orderBy('id').execute()).toEqual([
      { id: 'msg_1' },
      { id: 'msg_2' },
    ])
    const store = await openStoreOf({ environment: { DATABASE_URL: to } })
    expect(await store.deleteTasks(await store.deletableOf(task.owner, { after: null, limit: 1 }))).toEqual([task.id])
    await store.deleteOwner(task.owner)

    expect(await copy(source, target)).toMatchObject({ isComplete: true })
    expect(await rowsOf(target)).toMatchObject({ tasks: [], keys: [], callbacks: [], tombstones: [{}, {}, {}] })
    for (const table of ['webhook_endpoints', 'task_webhooks', 'webhook_messages'] as const)
      expect(await target.db.selectFrom(table).selectAll().execute()).toEqual([])
  })

  test('lets a gateway on the target serve the tasks, honour the keys and accept callbacks at the old URLs', async () => {
    const { from, to, source, target } = await start(urls)
    const provider = await startPlayedProvider()
    const environment = { ...provider.environment, CHECK_INTERVAL_SECONDS: '60' }
    const old = await startGateway({ ...environment, DATABASE_URL: from })
    const input = { idempotencyKey: 'my-key', audioId: 'audio-1' }
    const taskId = await order(old, input)
    const { body } = await provider.order(0)
    await old.close()
    // As if someone had tried the new database first.
    await (await startGateway({ ...environment, DATABASE_URL: to })).close()

    expect(await copy(source, target)).toMatchObject({ isComplete: true, replacedSecrets: ['callbacks', 'webhooks'] })

    const gateway = await startGateway({ ...environment, DATABASE_URL: to })
    const { data } = await gateway.ask('{ separations { edges { node { id status } } } }')
    expect(data).toEqual({ separations: { edges: [{ node: { id: taskId, status: 'PENDING' } }] } })
    expect(await order(gateway, input)).toBe(taskId)
    expect(provider.orders).toHaveLength(1)
    provider.answerRead(recordOfSuccess('provider-task-1'))
    const address = gateway.url + new URL(body.callBackUrl).pathname
    expect(await provider.callBack(address, callbackOfSuccess('provider-task-1'))).toBe(200)
    expect(await untilSettled(gateway, taskId)).toMatchObject({ id: taskId, status: 'SUCCESS' })

    // A second move is harmless.
    const before = await storedText(target, taskId)
    expect(await copy(source, target)).toMatchObject({ isComplete: true, tables: { tasks: noChange } })
    expect(await storedText(target, taskId)).toEqual(before)
  })

  test('counts the budgets of the callers again, also after a further run', async () => {
    const { from, to, source, target } = await start(urls)
    const provider = await startPlayedProvider()
    const environment = { ...provider.environment, ORDERS_PER_DAY: '3' }
    const old = await startGateway({ ...environment, DATABASE_URL: from })
    const usedAt = async (gateway: TestGateway) => (await gateway.ask('{ viewer { budgets { used } } }')).data
    const used = (count: number) => ({ viewer: { budgets: [{ used: count }] } })
    await order(old, { audioId: 'a' })
    await copy(source, target)
    const gateway = await startGateway({ ...environment, DATABASE_URL: to })
    expect(await usedAt(gateway)).toEqual(used(1))
    await order(gateway, { audioId: 'b' })
    await order(old, { audioId: 'c' })
    await copy(source, target)
    expect(await usedAt(gateway)).toEqual(used(3))
    await expect(order(gateway, { audioId: 'd' })).rejects.toThrow('BudgetExceededError')
  })

  test('resumes after an interruption at any page, and copies nothing when it is complete', async () => {
    const { source, target } = await start(urls)
    await fill(source, 5)
    const rows = await rowsOf(source)
    let stops = 0
    for (let steps = 1; ; steps++) {
      let left = steps
      const stopping = copy(source, target, {
        pageSize: 2,
        onProgress: () => {
          if (left-- === 0) throw new Error('stopped')
        },
      })
      const report = await stopping.catch((error: unknown) => error)
      if (!(report instanceof Error)) break
      expect(report.message).toBe('stopped')
      stops++
    }
    // 7 tasks, 5 keys, 10 callbacks and no tombstones are 13 pages, processed twice.
    expect(stops).toBe(25)
    expect(await rowsOf(target)).toEqual(rows)
    const { tables, isComplete } = await copy(source, target)
    expect(isComplete).toBe(true)
    for (const { source: total, ...table } of Object.values(tables))
      expect(table).toMatchObject({ ...noChange, skipped: total })
  })

  test('copies what changed in the source after a first run', async () => {
    const { source, target } = await start(urls)
    const [first = '', second = ''] = await fill(source)
    await copy(source, target)
    await putTask(source, succeededTask({ id: first, revision: 4 }), someTime)
    await source.db.updateTable('keys').set({ confirmed: 1 }).execute()
    await putKey(source, 'a new key', second)
    const late = newTaskId()
    await putTask(source, pendingTask({ id: late }), 1)
    const report = await copy(source, target)
    expect(report).toMatchObject({
      isComplete: true,
      tables: {
        tasks: { copied: 1, updated: 1, skipped: 8 },
        keys: { copied: 1, updated: 4, skipped: 3 },
      },
    })
    expect(await rowsOf(target)).toEqual(await rowsOf(source))
  })

  test('reports conflicts and overwrites nothing', async () => {
    const { source, target } = await start(urls)
    const [keyed, bound, diverged] = [pendingTask(), pendingTask({ providerTaskId: 'theirs' }), pendingTask()]
    await putSecrets(source, { callbacks: 'x' })
    await putSecrets(target, { callbacks: 'x' })
    for (const task of [keyed, bound, diverged]) await putTask(source, task)
    await putKey(source, 'personal@example.com', keyed.id)
    await putKey(source, 'key of the bound task', bound.id)
    await putCallback(source, 'cb_1', bound.id)
    const [other, boundTask] = [pendingTask(), pendingTask({ providerTaskId: 'theirs' })]
    await putTask(target, other)
    await putTask(target, boundTask)
    await putTask(target, succeededTask({ id: diverged.id, revision: diverged.revision }))
    await putKey(target, 'personal@example.com', other.id)
    const before = await rowsOf(target)

    for (const copied of [1, 0]) {
      const report = await copy(source, target)
      expect(report).toMatchObject({ isComplete: false, sourceChanged: false, tables: { tasks: { copied } } })
      const found = report.differences.toSorted((a, b) => `${a.table} ${a.diff}`.localeCompare(`${b.table} ${b.diff}`))
      expect(found).toEqual([
        { table: 'callbacks', diff: 'orphan', count: 1, examples: [{ taskId: bound.id, otherTaskId: null }] },
        { table: 'keys', diff: 'conflict', count: 1, examples: [{ taskId: keyed.id, otherTaskId: other.id }] },
        { table: 'keys', diff: 'orphan', count: 1, examples: [{ taskId: bound.id, otherTaskId: null }] },
        { table: 'tasks', diff: 'conflict', count: 1, examples: [{ taskId: bound.id, otherTaskId: boundTask.id }] },
        { table: 'tasks', diff: 'diverged', count: 1, examples: [{ taskId: diverged.id, otherTaskId: null }] },
      ])
      expect(JSON.stringify(report)).not.toContain('personal')
    }
    const after = await rowsOf(target)
    expect(after.tasks.filter(({ id }) => id !== keyed.id)).toEqual(before.tasks)
    expect({ ...after, tasks: [] }).toEqual({ ...before, tasks: [] })
  })
})

test.runIf(postgres !== null)(
  'keeps an endpoint of PostgreSQL that a gateway is about to delete as unused',
  async () => {
    const to = await newPostgresDatabase()
    const [source, target] = [await open(await newFileUrl()), await open(to)]
    await putTask(source, pendingTask())
    const hook = { id: 'whe_1', owner: 'anonymous', url: 'https://app.example/hook', created_at: 1 }
    for (const { db } of [source, target]) await db.insertInto('webhook_endpoints').values(hook).execute()
    const told = { task_id: newTaskId(), endpoint_id: 'whe_1' }
    await source.db.insertInto('task_webhooks').values(told).execute()
    const store = await openStoreOf({ environment: { DATABASE_URL: to } })
    // What refers to the endpoint waits for this transaction.
    const blocking = new Client({ connectionString: to })
    await blocking.connect()
    onTestFinished(() => blocking.end())
    await blocking.query('begin; lock table task_webhooks in exclusive mode')
    const copied = copy(source, target)
    const waiting = `select 1 from pg_locks where relation = 'task_webhooks'::regclass and not granted`
    while ((await blocking.query(waiting)).rows.length === 0);
    await store.deleteUnusedEndpoints({ after: '', limit: 10 })
    await blocking.query('commit')
    expect(await copied).toMatchObject({ isComplete: true })
    expect(await target.db.selectFrom('webhook_endpoints').select('id').execute()).toEqual([{ id: 'whe_1' }])
  },
)

describe('a move from file to file', () => {
  const urls = async () => [await newFileUrl(), await newFileUrl()] as const

  test('makes the task of a callback that arrived after a first run due', async () => {
    const { source, target } = await start(urls)
    const [settled, waiting] = [succeededTask(), pendingTask()]
    await putSecrets(source, { callbacks: 'x' })
    await putTask(source, settled, null)
    await putTask(source, waiting, someTime)
    await copy(source, target)
    for (const { id } of [settled, waiting]) {
      await putCallback(source, `cb_${id}`, id)
      await source.db.updateTable('tasks').set({ due_at: 0 }).where('id', '=', id).execute()
    }
    expect(await copy(source, target)).toMatchObject({ isComplete: true, tables: { callbacks: { copied: 2 } } })
    expect(await rowsOf(target)).toEqual(await rowsOf(source))
  })

  test('keeps and reports tasks that are newer in the target', async () => {
    const { source, target } = await start(urls)
    const [id = ''] = await fill(source)
    await copy(source, target)
    const later = succeededTask({ id, revision: 9 })
    await putTask(target, later, 77)
    await target.db.deleteFrom('callbacks').where('task_id', '=', id).execute()
    await target.db.updateTable('keys').set({ confirmed: 1 }).execute()
    const before = await rowsOf(target)
    const report = await copy(source, target)
    expect(report).toMatchObject({
      isComplete: true,
      tables: { tasks: { ...noChange, skipped: 9 }, callbacks: noChange },
    })
    expect(report.differences).toEqual([
      { table: 'tasks', diff: 'ahead', count: 1, examples: [{ taskId: id, otherTaskId: null }] },
      { table: 'callbacks', diff: 'ahead', count: 2, examples: expect.any(Array) },
    ])
    expect(await rowsOf(target)).toEqual(before)
  })

  test('updates the key of a refused order to its new task, and never back', async () => {
    const { source, target } = await start(urls)
    const [refused, again] = [failedTask({ charge: 'NONE' }), pendingTask()]
    await putSecrets(source, { callbacks: 'x' })
    await putTask(source, refused)
    await putKey(source, 'key', refused.id, 0)
    await copy(source, target)
    await putTask(source, again)
    await source.db.updateTable('keys').set({ task_id: again.id, fingerprint: 'another', created_at: 2 }).execute()
    expect(await copy(source, target)).toMatchObject({ isComplete: true, tables: { keys: { updated: 1 } } })
    expect(await rowsOf(target)).toEqual(await rowsOf(source))

    await source.db.updateTable('keys').set({ task_id: refused.id, fingerprint: 'f', created_at: 1 }).execute()
    expect(await copy(source, target)).toMatchObject({ isComplete: true, tables: { keys: noChange } })
    expect((await rowsOf(target)).keys).toMatchObject([{ task_id: again.id, fingerprint: 'another' }])
  })

  describe('with different secrets', () => {
    const own = { callbacks: 'target-hunter2', sandbox: 'target-hunter2', deployment: 'target-hunter2' }

    test("replaces the target's secrets if the target has no task", async () => {
      const { source, target } = await start(urls)
      await fill(source)
      await putSecrets(target, { ...own, callbacks: 'the-callbacks-secret' })
      const report = await copy(source, target)
      expect(report.replacedSecrets.toSorted()).toEqual(['deployment', 'sandbox'])
      expect(report).toMatchObject({
        isComplete: true,
        keptSecrets: [],
        tables: { secrets: { updated: 2, skipped: 1 } },
      })
      expect(await rowsOf(target)).toEqual(await rowsOf(source))
    })

    test('copies nothing if the target has tasks, unless its secrets are kept', async () => {
      const { source, target } = await start(urls)
      await fill(source)
      await putSecrets(target, own)
      await putTask(target, pendingTask())
      const before = await rowsOf(target)
      const refused = await copy(source, target).catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(SecretsDifferError)
      expect(refused).toMatchObject({ secrets: expect.arrayContaining(['callbacks', 'sandbox']) })
      expect(String(refused)).not.toMatch(/hunter2|the-callbacks-secret/)
      expect(await rowsOf(target)).toEqual(before)

      const report = await copy(source, target, { keepsTargetSecrets: true })
      expect(report.keptSecrets.toSorted()).toEqual(['callbacks', 'sandbox'])
      expect(report).toMatchObject({ isComplete: true, tables: { tasks: { copied: 9, target: 10 } } })
      expect((await rowsOf(target)).secrets).toEqual(before.secrets)
    })

    test('ignores a difference in the Redis prefix', async () => {
      const { source, target } = await start(urls)
      await fill(source)
      await putSecrets(target, { deployment: 'own' })
      await putTask(target, pendingTask())
      expect(await copy(source, target)).toMatchObject({ isComplete: true, keptSecrets: [], replacedSecrets: [] })
      expect((await rowsOf(target)).secrets).toContainEqual({ name: 'deployment', value: 'own' })
    })
  })

  test.each([
    [
      'creates an order',
      (source: OpenDatabase) => putTask(source, pendingTask({ id: 'sep_00000000000000000000000000' })),
    ],
    ['changes a task', (source: OpenDatabase, id: string) => putTask(source, succeededTask({ id, revision: 5 }))],
    ['stores a key', (source: OpenDatabase, id: string) => putKey(source, 'another', id)],
    [
      'confirms a key',
      async ({ db }: OpenDatabase, id: string) => {
        await db.updateTable('keys').set({ confirmed: 1 }).where('task_id', '=', id).execute()
      },
    ],
    ['saves a callback', (source: OpenDatabase, id: string) => putCallback(source, 'cb_new', id)],
  ])('notices a gateway that %s in the source', async (_what, change) => {
    const { source, target } = await start(urls)
    const [id = ''] = await fill(source)
    const changes: Promise<void>[] = []
    const onProgress: CopyOptions['onProgress'] = ({ step }) => {
      if (step === 'comparing' && changes.length === 0) changes.push(change(source, id))
    }
    expect(await copy(source, target, { onProgress })).toMatchObject({ sourceChanged: true, isComplete: false })
    await Promise.all(changes)
    expect(await copy(source, target)).toMatchObject({ sourceChanged: false, isComplete: true })
    expect(await rowsOf(target)).toEqual(await rowsOf(source))
  })
})

describe('npm run move-store', () => {
  function run(args: readonly string[]) {
    const child = spawn(process.execPath, [join(dirname(inject('program')), 'move-store/main.js'), ...args], {
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = { stdout: '', stderr: '' }
    child.stdout.on('data', (data) => (output.stdout += String(data)))
    child.stderr.on('data', (data) => (output.stderr += String(data)))
    const exit = once(child, 'close').then(([code, signal]) => ({ code: code ?? signal, ...output }))
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await exit
    })
    return { exit, child, stdout: () => output.stdout }
  }

  /** Adds a password to the URL of a server. */
  function withPassword(url: string): string {
    if (url.startsWith('file:')) return url
    const parsed = new URL(url)
    parsed.password = 'hunter2'
    return parsed.href
  }

  test('prints its progress and result, and copies nothing the second time', async () => {
    const to = withPassword(postgres === null ? await newFileUrl() : await newPostgresDatabase())
    const from = await newFileUrl()
    await fill(await open(from), 3)
    const first = await run(['--from', from, '--to', to]).exit
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(first.stdout).toContain(`Moving ${from.slice('file:'.length)} to `)
    expect(first.stdout).toMatch(/^ {2}copying tasks: 5 of 5$/m)
    expect(first.stdout).toMatch(/^ +source +target +copied +updated +skipped$/m)
    expect(first.stdout).toMatch(/^tasks +5 +5 +5 +0 +0$/m)
    expect(first.stdout).toMatch(/^callbacks +6 +6 +6 +0 +0$/m)
    expect(first.stdout).toMatch(/^The target holds everything\.\nMake sure that no gateway is left on /m)
    const second = await run(['--from', from, '--to', to]).exit
    expect(second).toMatchObject({ code: 0, stderr: '' })
    expect(second.stdout).toMatch(/^keys +3 +3 +0 +0 +3$/m)
    for (const { stdout } of [first, second]) {
      expect(stdout).not.toMatch(/hunter2|the-callbacks-secret/)
      expect(stdout.replaceAll('\n', '')).toMatch(/^[ -~…]*$/)
    }
  })

  test('prints what is missing and why, and exits with 1', async () => {
    const [from, to] = [await newFileUrl(), await newFileUrl()]
    const [source, target] = [await open(from), await open(to)]
    const [mine, theirs, newer] = [pendingTask(), pendingTask(), pendingTask()]
    await putSecrets(source, { callbacks: 'x' })
    await putTask(source, mine)
    await putTask(source, newer)
    await putKey(source, 'personal@example.com', mine.id)
    await copy(source, target)
    await target.db.deleteFrom('keys').execute()
    await putTask(target, theirs)
    await putTask(target, succeededTask({ id: newer.id, revision: 7 }))
    await putKey(target, 'personal@example.com', theirs.id)
    const { code, stdout, stderr } = await run(['--from', from, '--to', to]).exit
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toContain('The target has a newer state of 1 task:')
    expect(stdout).toContain('Conflicts: 1 of the keys refer to another task in the target than in the source.')
    expect(stdout).toContain(`${mine.id} in the source, ${theirs.id} in the target`)
    expect(stdout).toContain('The target does NOT hold everything')
    expect(stdout).not.toMatch(/holds everything|personal/)
  })

  test('explains what to do if the target has other secrets that its tasks need', async () => {
    const [from, to] = [await newFileUrl(), await newFileUrl()]
    await fill(await open(from))
    const target = await open(to)
    await putSecrets(target, { callbacks: 'target-hunter2' })
    await putTask(target, pendingTask())
    const { code, stdout, stderr } = await run(['--from', from, '--to', to]).exit
    expect(code).toBe(1)
    expect(stderr).toMatch(/its secrets differ from the source's \(callbacks\).*Nothing was copied/s)
    expect(stderr).toMatch(/empty database.*CALLBACK_SECRET.*--keep-target-secrets/s)
    expect(stdout + stderr).not.toMatch(/hunter2|the-callbacks-secret/)
    const kept = await run(['--from', from, '--to', to, '--keep-target-secrets']).exit
    expect(kept).toMatchObject({ code: 0, stderr: '' })
    expect(kept.stdout).toContain('The target keeps its own secrets: callbacks.')
  })

  test('reports every mistake without a password or a stack, and creates no file', async () => {
    const file = await newFileUrl()
    const path = file.slice('file:'.length)
    const [unused, missing, same, text] = [`${path}.unused`, `${path}.missing`, `${path}.same`, `${path}.txt`]
    await fill(await open(file))
    await (await open(`file:${unused}`)).db.destroy()
    await link(path, same)
    await writeFile(text, 'This is not a database. '.repeat(100))
    const unreachable = 'postgres://someone:hunter2@127.0.0.1:1/tasks'
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /^--from is missing\.\n--to is missing\.\n\nFor example: npm run move-store -- --from/],
      [
        ['--from', 'hunter2', '--to', 'mysql://u:hunter2@db/x'],
        /^--from must be file:<path> .*\n--to must be file:<path> or postgres/,
      ],
      [['--from', ':memory:', '--to', 'file::memory:'], /^--from must not be :memory:.*\n--to must not be :memory:/],
      [['--from', `file:${missing}`, '--to', file], /^--from names a file that does not exist: .*\.missing/],
      [['--from', file, '--to', `file:${same}`], /^--from and --to name the same database\. Nothing was done/],
      [['--from', `file:${unused}`, '--to', file], /^No gateway has used .*\.unused\. Check --from/],
      [
        ['--from', `file:${text}`, '--to', `file:${missing}`],
        /^The source, .*\.txt, cannot be opened: .*not a database/,
      ],
      [
        ['--from', file, '--to', unreachable],
        /^The target, postgres:\/\/someone@127\.0\.0\.1:1\/tasks, cannot be opened: .*REFUSED/,
      ],
      [[file, 'postgres://u:hunter2@db/x'], /^Put --from or --to before each database, and -- before the options/],
      [['--from', file, '--hunter2', 'x'], /^Unknown option/],
    ]
    const ends = await Promise.all(cases.map(async ([args, message]) => ({ message, ...(await run(args).exit) })))
    for (const { message, code, stdout, stderr } of ends) {
      expect(code).toBe(1)
      expect(stdout).toMatch(/^(Moving .*\n)?$/)
      expect(stderr).toMatch(message)
      expect(stderr).not.toMatch(/hunter2|\n\s+at /)
    }
    expect(existsSync(missing)).toBe(false)
    // An unreachable database is retried for 10 s, and ten processes are slow on a small machine.
  }, 60_000)

  test('explains how to move with --help', async () => {
    const { code, stdout, stderr } = await run(['--help']).exit
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const word of [
      '--from',
      '--to',
      '--keep-target-secrets',
      'Stop every gateway',
      'DATABASE_URL',
      'PGPASSWORD',
    ]) {
      expect(stdout).toContain(word)
    }
    expect(Math.max(...stdout.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(120)
  })

  test.runIf(postgres !== null)('recognizes a database under two addresses', async () => {
    const to = await newPostgresDatabase()
    const [one, two] = [await open(to), await open(to.replace('127.0.0.1', 'localhost'))]
    expect(one.identity).toBe(two.identity)
    expect((await open(await newPostgresDatabase())).identity).not.toBe(one.identity)
  })

  test.runIf(postgres !== null)('resumes after it was killed during a page', async () => {
    const [from, to] = [await newFileUrl(), await newPostgresDatabase()]
    const [source, target] = [await open(from), await open(to)]
    const tasks = Array.from({ length: 1_200 }, () => pendingTask()).toSorted((a, b) => (a.id < b.id ? -1 : 1))
    await putSecrets(source, { callbacks: 'x' })
    await source.db.transaction().execute(async (db) => {
      for (const task of tasks) await putTask({ ...source, db }, task)
      for (const { id } of tasks) await putKey({ ...source, db }, id, id)
    })
    // A writer of this task waits for this transaction.
    const blocking = new Client({ connectionString: to })
    await blocking.connect()
    onTestFinished(() => blocking.end())
    const { task = '', ...row } = { ...(tasks[700] && columnsOf(tasks[700])) }
    await blocking.query('begin')
    await blocking.query(
      `insert into tasks (id, owner, provider, status, charge, created_at, revision, task) values ($1, '', '', '', '', 0, 1, $2)`,
      [row.id, task],
    )

    const waiting = sql<{ count: number }>`
        select count(*) from pg_locks join pg_stat_activity using (pid)
        where datname = current_database() and locktype = 'transactionid' and not granted`
    const { child, exit, stdout } = run(['--from', from, '--to', to])
    await expect
      .poll(
        async () => {
          const { rows } = await waiting.execute(target.db)
          return rows[0]?.count
        },
        { timeout: 15_000, interval: 20 },
      )
      .toBe(1)
    child.kill('SIGKILL')
    expect(await exit).toMatchObject({ code: 'SIGKILL' })
    expect(stdout()).toMatch(/copying tasks: 500 of 1,200/)
    await blocking.query('rollback')

    const { tables, isComplete } = await copy(source, target)
    expect({ tables, isComplete }).toMatchObject({
      isComplete: true,
      tables: { tasks: { copied: 700, skipped: 500 }, keys: { copied: 1_200, skipped: 0 } },
    })
    expect(await rowsOf(target)).toEqual(await rowsOf(source))
    expect((await copy(source, target)).tables.tasks).toMatchObject({ ...noChange, skipped: 1_200 })
  })
})
