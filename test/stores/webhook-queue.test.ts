import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import type { NewOrder } from '../../src/separation/store/order-writer.ts'
import type { Store } from '../../src/separation/store/store.ts'
import type { PendingTask, Task } from '../../src/separation/task/task.ts'
import { webhookEndpoint } from '../../src/separation/webhooks/webhook-endpoint.ts'
import type { WebhookMessage, WebhookRoom } from '../../src/separation/store/webhook-queue.ts'
import { openPostgresStore } from '../../src/stores/postgres/postgres-store.ts'
import { openSqliteStore } from '../../src/stores/sqlite/sqlite-store.ts'
import { newMigratedDatabase } from '../support/database.ts'
import { findPostgres } from '../support/services.ts'
import { failedTask, pendingTask, succeededTask } from '../support/tasks.ts'

const postgres = await findPostgres()
const silentLog = { debug() {}, info() {}, warn() {}, error() {} }

/** A transaction of another process in the database, which ends with the test. */
async function beginIn(url: string) {
  const client = new pg.Client(url)
  await client.connect()
  onTestFinished(() => client.end())
  await client.query('begin')
  /** Waits until so many wait for a lock of this database, or `work` is done. */
  async function untilAwaitedBy(work: Promise<unknown>, waiters = 1): Promise<void> {
    let isDone = false
    work.finally(() => (isDone = true)).catch(() => {})
    const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    const countWaiting = async () => {
      // Else a transaction does not see connections that were opened after its first look.
      await client.query('select pg_stat_clear_snapshot()')
      return (await client.query(waiting)).rowCount ?? 0
    }
    await expect.poll(async () => isDone || (await countWaiting()) >= waiters).toBe(true)
  }
  return { client, untilAwaitedBy }
}

const stores: readonly (readonly [string, () => Promise<Store>])[] = [
  ['SQLite', () => openSqliteStore(':memory:')],
  ...(postgres === null
    ? []
    : [['PostgreSQL', async () => openPostgresStore(await newMigratedDatabase(), silentLog)] as const]),
]

const everything: WebhookRoom = { full: { endpointIds: [], owners: [] }, newChoice: () => () => true }
const hook = webhookEndpoint('anonymous', 'https://app.example/hook')
const other = webhookEndpoint('anonymous', 'https://app.example/other')

async function startOn(store: Store) {
  onTestFinished(() => store.close())
  const { webhooks } = store
  const order = (task: Task, more: Partial<NewOrder> = {}) =>
    store.createOrder({ task, key: null, dueAtMs: 5, canJoin: () => true, isAdmitted: true, webhook: hook, ...more })
  const lease = async (nowMs: number, leaseUntilMs: number, limit = 10, room = everything) =>
    (await webhooks.leaseDue(nowMs, leaseUntilMs, limit, room)).messages
  const pending = () => pendingTask({ id: newTaskId(), providerTaskId: null, charge: 'MAYBE', createdAtMs: 50 })
  const settled = ({ partial: _partial, incompleteSinceMs: _since, ...task }: PendingTask, atMs: number) =>
    succeededTask({ ...task, state: 'succeeded', revision: task.revision + 1, updatedAtMs: atMs })
  const settle = async (task: PendingTask, atMs = 100) => {
    const next = settled(task, atMs)
    expect(await store.replace(next, task, undefined, { told: 'separation.settled' })).toBe(true)
    return next
  }
  /** Orders a task, delivers its message, and deletes it, so that nothing refers to its endpoint any more. */
  const leaveEndpoint = async () => {
    const task = pending()
    await order(task, { canJoin: null })
    await settle(task)
    for (const message of await lease(100, 2_000)) await webhooks.delivered(message)
    await deleteTasks()
  }
  const deleteTasks = async () => store.deleteTasks(await store.deletableOf('anonymous', { after: null, limit: 100 }))
  const deleteUnused = async () => {
    let after: string | null = ''
    while (after !== null) after = await store.deleteUnusedEndpoints({ after, limit: 1 })
  }
  const endpointUrls = async () => (await webhooks.endpoints(null, 10)).map(({ endpoint }) => endpoint.url).toSorted()
  return { store, webhooks, order, lease, pending, settle, leaveEndpoint, deleteTasks, deleteUnused, endpointUrls }
}

describe.each(stores)('the webhooks in %s', (_name, open) => {
  const start = async () => startOn(await open())
  const urlsOf = (messages: readonly WebhookMessage[]) => messages.map(({ endpoint }) => endpoint.url).toSorted()

  test('hold a message about a task in the write that settles it, and only if that is written', async () => {
    const { store, order, lease, pending, settle } = await start()
    const task = pending()
    await order(task)
    expect(await lease(1_000, 2_000)).toEqual([])
    const early = succeededTask({ ...task, state: 'succeeded', revision: 9 })
    expect(await store.replace(early, task, undefined, { told: 'separation.settled' })).toBe(false)
    expect(await lease(1_000, 2_000)).toEqual([])
    const after = await settle(task)
    expect(await lease(99, 2_000)).toEqual([])
    const [message] = await lease(100, 2_000)
    expect(message).toEqual({
      id: `msg_${task.id.slice(4)}_${after.revision}_${hook.id.slice(4)}`,
      endpoint: hook,
      isPaused: false,
      type: 'separation.settled',
      createdAtMs: 100,
      content: { kind: 'task', task: after },
      failures: 0,
    })
  })

  test('hold a message about each revision that is told, each with the task as it was', async () => {
    const { store, order, lease, pending, settle } = await start()
    const task = pending()
    await order(task)
    const after = await settle(task)
    const better = { ...after, revision: after.revision + 1, updatedAtMs: 200, charge: 'CHARGED' as const }
    await store.replace(better, after, undefined, { told: 'separation.updated' })
    await store.replace({ ...better, revision: 9 + 1 }, { ...better, revision: 9 })
    const messages = await lease(1_000, 2_000)
    expect(messages.map(({ type, content }) => [type, content.kind === 'task' && content.task.revision])).toEqual([
      ['separation.settled', after.revision],
      ['separation.updated', better.revision],
    ])
  })

  test('tell the endpoint of an order that joins a pending task, and of one with the same URL once', async () => {
    const { order, lease, pending, settle } = await start()
    const task = pending()
    await order(task)
    expect(await order(pending(), { webhook: other })).toEqual({ kind: 'joined', task })
    expect(await order(pending(), { webhook: hook, isAdmitted: false })).toEqual({ kind: 'joined', task })
    await settle(task)
    expect(urlsOf(await lease(100, 2_000))).toEqual([hook.url, other.url])
  })

  test('tell the endpoint of an order that joins a settled task at once, and never again', async () => {
    const { order, lease, pending, settle } = await start()
    const task = pending()
    await order(task)
    const after = await settle(task)
    await lease(100, 2_000)
    for (const isAdmitted of [false, true, false]) {
      const joining = { ...pending(), createdAtMs: 300 }
      expect(await order(joining, { webhook: other, isAdmitted })).toEqual({ kind: 'joined', task: after })
    }
    const messages = await lease(300, 2_000)
    expect(urlsOf(messages)).toEqual([other.url])
    expect(messages[0]?.type).toBe('separation.settled')
  })

  test('tell the endpoint of an order whose key leads to an earlier task', async () => {
    const { order, lease, pending, settle } = await start()
    const task = pending()
    const key = { owner: 'anonymous', key: 'order-1', fingerprint: 'input' }
    await order(task, { key, webhook: undefined })
    expect(await order(pending(), { key, isAdmitted: false })).toEqual({ kind: 'joined', task })
    expect(await order(pending(), { key: { ...key, fingerprint: 'else' }, webhook: other })).toMatchObject({
      kind: 'conflict',
    })
    await settle(task)
    expect(urlsOf(await lease(100, 2_000))).toEqual([hook.url])
  })

  test('lose no message when an order joins a task at the moment in which it is settled', async () => {
    const { order, lease, pending, settle } = await start()
    for (let round = 0; round < 20; round++) {
      const task = { ...pending(), audioId: `audio-${round}` }
      await order(task, { webhook: undefined })
      const joining = { ...pending(), audioId: task.audioId, createdAtMs: 100 }
      await Promise.all([order(joining, { webhook: other }), settle(task)])
      const messages = await lease(100, 2_000)
      expect(urlsOf(messages)).toEqual([other.url])
    }
  })

  test('tell the endpoint of an adopted task, unless the task was known before', async () => {
    const { store, lease } = await start()
    const task = succeededTask({ updatedAtMs: 100 })
    await store.adopt(task, null, { webhook: hook })
    await store.adopt(succeededTask({ providerTaskId: task.providerTaskId }), null, { webhook: other })
    expect(urlsOf(await lease(100, 2_000))).toEqual([hook.url])
  })

  test('store the messages that an order causes with it, each once', async () => {
    const { order, lease, pending } = await start()
    const claim = { name: 'orders/day', startMs: 0, endMs: 1e15, amountOf: () => 1, amount: 1, limit: 10 }
    const messages = (used: readonly number[]) => [
      { id: 'msg_budget', endpoint: hook, type: 'budget.warning' as const, data: JSON.stringify(used), createdAtMs: 7 },
    ]
    await order(pending(), { claims: [claim], messages, canJoin: null, webhook: undefined })
    await order(pending(), { claims: [claim], messages, canJoin: null, webhook: undefined })
    expect(await lease(10, 2_000)).toMatchObject([
      { id: 'msg_budget', type: 'budget.warning', content: { kind: 'data', data: '[1]' }, endpoint: hook },
    ])
  })

  test('are leased to one gateway at a time, and to another one when the lease ends', async () => {
    const { webhooks, order, lease, pending, settle } = await start()
    const task = pending()
    await order(task)
    await settle(task)
    const [one] = (await Promise.all([lease(100, 2_000), lease(100, 2_001)])).flat()
    expect(await lease(1_999, 3_000)).toEqual([])
    const [again] = await lease(2_001, 3_000)
    expect(again).toEqual(one)
    await webhooks.renew([again?.id ?? ''], 3_000, 3_500)
    expect(await lease(3_000, 4_000)).toEqual([])
    await webhooks.release(again?.id ?? '', 3_500, 3_600)
    expect(await lease(3_599, 5_000)).toEqual([])
    expect(await lease(3_600, 5_000)).toEqual([one])
  })

  test('are leased by what there is room for', async () => {
    const { webhooks, order, pending, settle } = await start()
    for (const endpoint of [hook, hook, hook, other]) {
      const task = pending()
      await order(task, { webhook: endpoint, canJoin: null })
      await settle(task)
    }
    const oneOfEach = () => {
      const seen = new Set<string>()
      return ({ endpointId }: { readonly endpointId: string }) => !seen.has(endpointId) && Boolean(seen.add(endpointId))
    }
    const first = await webhooks.leaseDue(100, 2_000, 10, { ...everything, newChoice: oneOfEach })
    expect(urlsOf(first.messages)).toEqual([hook.url, other.url])
    expect(first.hasMore).toBe(true)
    for (const full of [
      { endpointIds: [hook.id], owners: [] },
      { endpointIds: [], owners: ['anonymous'] },
    ]) {
      const none = await webhooks.leaseDue(100, 2_000, 10, { ...everything, full })
      expect(none).toEqual({ messages: [], hasMore: false })
    }
  })

  test('are gone once they are delivered, and count their failures until then', async () => {
    const { webhooks, order, lease, pending, settle } = await start()
    const task = pending()
    await order(task)
    await settle(task)
    const [message] = await lease(100, 2_000)
    if (message === undefined) throw new Error('No message is due.')
    expect(await webhooks.failed(message, 'HTTP 500', 1_000)).toBe(1_000)
    expect(await webhooks.failed(message, 'timeout', 5_000)).toBe(1_000)
    await webhooks.release(message.id, 2_000, null)
    expect(await webhooks.undelivered('anonymous', 10)).toEqual([
      {
        id: message.id,
        endpoint: hook,
        type: 'separation.settled',
        taskId: task.id,
        createdAtMs: 100,
        dueAtMs: null,
        failures: 2,
        lastAnswer: 'timeout',
      },
    ])
    expect(await webhooks.undelivered('key:other', 10)).toEqual([])
    expect(await webhooks.endpoints(null, 10)).toEqual([
      { endpoint: hook, failingSinceMs: 1_000, paused: null, undelivered: 1, oldestAtMs: 100 },
    ])
    expect(await webhooks.backlog()).toEqual({ waiting: 0, oldestAtMs: null, held: 1, pausedEndpoints: 0 })
    await webhooks.delivered(message)
    expect(await webhooks.undelivered(null, 10)).toEqual([])
    expect(await webhooks.endpoints('anonymous', 10)).toMatchObject([{ failingSinceMs: null, undelivered: 0 }])
  })

  test('wait while their endpoint is paused, and are due when it is resumed', async () => {
    const { webhooks, order, lease, pending, settle } = await start()
    const [one, two] = [pending(), pending()]
    for (const task of [one, two]) await order(task, { canJoin: null })
    await settle(one)
    const [leased] = await lease(100, 2_000)
    expect(await webhooks.pause(hook.id, 'gone', 150)).toBe(true)
    expect(await webhooks.pause(hook.id, 'failing', 160)).toBe(false)
    await webhooks.release(leased?.id ?? '', 2_000, 170)
    await settle(two)
    expect(await lease(9_000, 10_000)).toEqual([])
    expect(await webhooks.endpoints(null, 10)).toMatchObject([
      { paused: { atMs: 150, why: 'gone' }, undelivered: 2, oldestAtMs: 100 },
    ])
    expect(await webhooks.backlog()).toEqual({ waiting: 0, oldestAtMs: null, held: 2, pausedEndpoints: 1 })
    expect(await webhooks.resume('whe_unknown', 9_000)).toBeNull()
    expect(await webhooks.resume(hook.id, 9_000)).toBe(2)
    expect(await lease(9_000, 10_000)).toHaveLength(2)
  })

  test('are told again by a replay, with the same ids, to the endpoints of the selected tasks alone', async () => {
    const { store, webhooks, order, lease, pending, settle } = await start()
    const [one, two, three] = [pending(), pending(), pending()]
    for (const task of [one, two, three]) await order(task, { canJoin: null })
    const before = Date.now()
    for (const task of [one, two]) await settle(task)
    await store.adopt(failedTask({ owner: 'key:other' }), null, { webhook: webhookEndpoint('key:other', hook.url) })
    const first = await lease(before * 2, 2_000)
    for (const message of first) await webhooks.delivered(message)

    expect(await webhooks.countReplayed({ taskId: one.id })).toEqual({ sent: 1, held: 0 })
    expect(await webhooks.replay({ taskId: one.id }, 500)).toEqual({ sent: 1, held: 0 })
    expect(await webhooks.replay({ taskId: three.id }, 500)).toEqual({ sent: 0, held: 0 })
    const [again] = await lease(500, 2_000)
    expect(first.map(({ id }) => id)).toContain(again?.id)
    expect(again).toMatchObject({ createdAtMs: 500, failures: 0 })

    const sinceMs = before - 1_000
    expect(await webhooks.countReplayed({ owner: 'anonymous', sinceMs })).toEqual({ sent: 2, held: 0 })
    expect(await webhooks.replay({ owner: 'anonymous', sinceMs }, 600)).toEqual({ sent: 2, held: 0 })
    expect(await webhooks.replay({ owner: 'anonymous', sinceMs: Date.now() + 60_000 }, 600)).toEqual({
      sent: 0,
      held: 0,
    })
    expect(await lease(600, 2_000)).toHaveLength(2)
  })

  test('are deleted when they are held for too long', async () => {
    const { webhooks, order, pending, settle, lease } = await start()
    for (const atMs of [100, 200, 300]) {
      const task = pending()
      await order(task, { canJoin: null })
      await settle(task, atMs)
    }
    expect(await webhooks.deleteHeld(1_000, 10)).toBe(0)
    await webhooks.pause(hook.id, 'failing', 400)
    expect(await webhooks.deleteHeld(250, 1)).toBe(1)
    expect(await webhooks.deleteHeld(250, 10)).toBe(1)
    await webhooks.resume(hook.id, 500)
    expect(await lease(500, 2_000)).toHaveLength(1)
  })

  test('keep their endpoint until nothing refers to it any more, and longer if it is paused', async () => {
    const { webhooks, order, lease, pending, settle, deleteTasks, deleteUnused, endpointUrls } = await start()
    const claim = { name: 'orders/day', startMs: 0, endMs: 1e15, amountOf: () => 1, amount: 1, limit: 10 }
    const warning = { id: 'msg_1', endpoint: other, type: 'budget.warning' as const, data: '{}', createdAtMs: 7 }
    const task = pending()
    await order(task, { claims: [claim], messages: () => [warning] })
    await settle(task)
    const messages = await lease(100, 2_000)
    for (const message of messages) if (message.endpoint.id === hook.id) await webhooks.delivered(message)
    await deleteUnused()
    expect(await endpointUrls()).toEqual([hook.url, other.url])
    await deleteTasks()
    await deleteUnused()
    expect(await endpointUrls()).toEqual([other.url])
    await webhooks.pause(other.id, 'gone', 300)
    for (const message of messages) await webhooks.delivered(message)
    await deleteUnused()
    expect(await endpointUrls()).toEqual([other.url])
    await webhooks.resume(other.id, 400)
    await deleteUnused()
    expect(await endpointUrls()).toEqual([])
  })

  test('keep their endpoint when their owner is forgotten, while it has a task', async () => {
    const { store, order, pending, deleteTasks, endpointUrls } = await start()
    await order(pending())
    await store.deleteOwner('anonymous')
    expect(await endpointUrls()).toEqual([hook.url])
    await deleteTasks()
    await store.deleteOwner('anonymous')
    expect(await endpointUrls()).toEqual([])
  })

  test('of a gateway that has ended are due at once', async () => {
    const { webhooks, order, pending, settle, lease } = await start()
    const task = pending()
    await order(task)
    await settle(task)
    await lease(100, 9_000)
    await webhooks.releaseAllLeases()
    expect(await lease(101, 9_000)).toHaveLength(1)
  })
})

describe.skipIf(postgres === null)('at the same moment in PostgreSQL', () => {
  async function start() {
    const url = await newMigratedDatabase()
    return { ...(await startOn(await openPostgresStore(url, silentLog))), other: await beginIn(url) }
  }

  test('a task that is settled while its endpoint is resumed is told', async () => {
    const { webhooks, order, lease, pending, settle, other: operator } = await start()
    const task = pending()
    await order(task)
    await webhooks.pause(hook.id, 'gone', 50)
    await operator.client.query('update webhook_endpoints set paused_at = null, paused_why = null')
    await operator.client.query('update webhook_messages set due_at = 60')
    const settling = settle(task)
    await operator.untilAwaitedBy(settling)
    await operator.client.query('commit')
    await settling
    expect(await lease(100, 2_000)).toHaveLength(1)
  })

  test('nothing is left of a task that is deleted while it is told again or joined', async () => {
    const { store, webhooks, order, pending, settle, other: operator } = await start()
    const task = pending()
    await order(task)
    await settle(task)
    for (const table of ['task_webhooks', 'webhook_messages', 'tasks'])
      await operator.client.query(`delete from ${table}`)
    const telling = Promise.all([
      webhooks.replay({ taskId: task.id }, 200),
      order({ ...pending(), createdAtMs: 200 }, { webhook: other }),
    ])
    await operator.untilAwaitedBy(telling)
    await operator.client.query('commit')
    await telling
    expect(await webhooks.undelivered(null, 10)).toEqual([])
    const target = await operator.client.query('select task_id from task_webhooks where task_id = $1', [task.id])
    expect(target.rows).toEqual([])
    expect(await store.find([task.id])).toEqual([])
  })

  test('an endpoint that an order uses at the moment stays', async () => {
    const { order, lease, pending, settle, leaveEndpoint, deleteUnused, endpointUrls, other: another } = await start()
    await leaveEndpoint()
    // The order has found the endpoint, and waits before it says that the task is told to it.
    await another.client.query('lock table task_webhooks in share mode')
    const task = pending()
    const ordering = order(task)
    await another.untilAwaitedBy(ordering)
    await deleteUnused()
    await another.client.query('commit')
    await ordering
    expect(await endpointUrls()).toEqual([hook.url])
    await settle(task)
    expect(await lease(100, 2_000)).toHaveLength(1)
  })

  test('an endpoint that is deleted at the moment is stored again by an order', async () => {
    const { order, lease, pending, settle, leaveEndpoint, other: another } = await start()
    await leaveEndpoint()
    await another.client.query('delete from webhook_endpoints')
    const task = pending()
    const ordering = order(task)
    await another.untilAwaitedBy(ordering)
    await another.client.query('commit')
    await ordering
    await settle(task)
    expect(await lease(100, 2_000)).toHaveLength(1)
  })

  test('an endpoint stays that an order uses at the moment in which its owner is forgotten', async () => {
    const { store, order, lease, pending, settle, leaveEndpoint, other: another } = await start()
    await leaveEndpoint()
    await another.client.query('lock table task_webhooks in share mode')
    const task = pending()
    const ordering = order(task)
    await another.untilAwaitedBy(ordering)
    const forgetting = store.deleteOwner('anonymous')
    await another.untilAwaitedBy(forgetting, 2)
    await another.client.query('commit')
    await Promise.all([ordering, forgetting])
    await settle(task)
    expect(await lease(100, 2_000)).toHaveLength(1)
  })
})
