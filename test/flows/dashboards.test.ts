import { once } from 'node:events'
import * as fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { StoreUnavailableError } from '../../src/separation/errors.ts'
import type { Store } from '../../src/separation/store/store.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import type { Task } from '../../src/separation/task/task.ts'
import { dashboardOver, isInOrder, type ShownTask } from '../support/dashboards.ts'
import { pendingTask, succeededTask } from '../support/tasks.ts'
import { post, readEvents, webSocketUrl } from '../support/transports.ts'
import { startWiredGateway, type WiredGateway } from '../support/wired-gateway.ts'

/** How long a test waits for what it expects, on a busy machine. */
const soon = { timeout: 30_000, interval: 5 }

async function putAll(gateway: WiredGateway, tasks: readonly Task[]): Promise<void> {
  for (const task of tasks) await gateway.put(task)
}

function settled({ id, providerTaskId, owner }: Task, revision: number): Task {
  return succeededTask({ id, providerTaskId, owner, revision })
}

/** Counts the reads of the store, by method. */
function counting(counted: Record<string, number>) {
  const count = (name: string) => (counted[name] = (counted[name] ?? 0) + 1)
  return (store: Store): Store => ({
    ...store,
    find: (ids) => (count('find'), store.find(ids)),
    list: (owner, page) => (count('list'), store.list(owner, page)),
    changes: (owner, page) => (count('changes'), store.changes(owner, page)),
  })
}

describe.each(Object.entries(dashboardOver))('a dashboard over %s', (_name, open) => {
  test('begins with the newest tasks, and goes on with every change and every new task', async () => {
    const gateway = await startWiredGateway()
    const [older, newer] = [pendingTask({ createdAtMs: 1_000 }), pendingTask({ createdAtMs: 2_000 })]
    await putAll(gateway, [newer, older, pendingTask({ owner: 'key:other' })])
    const dashboard = open(gateway.url)
    await expect.poll(() => dashboard.shown.map(({ id }) => id), soon).toEqual([newer.id, older.id])
    await gateway.put({ ...older, revision: 2 })
    await expect.poll(() => dashboard.latest()[older.id], soon).toBe(2)
    const added = pendingTask()
    await gateway.put(added)
    await gateway.put(settled(older, 3))
    await expect.poll(() => dashboard.latest(), soon).toEqual({ [newer.id]: 1, [older.id]: 3, [added.id]: 1 })
    expect(dashboard.shown).toHaveLength(5)
    expect(dashboard.hasEnded()).toBe(false)
    dashboard.close()
    await expect.poll(() => gateway.subscriptions(), soon).toBe(0)
  })

  test('begins with 100 tasks at most', async () => {
    const gateway = await startWiredGateway()
    const tasks = Array.from({ length: 105 }, (_, index) => pendingTask({ createdAtMs: index }))
    await putAll(gateway, tasks)
    const dashboard = open(gateway.url)
    await expect.poll(() => dashboard.shown.length, soon).toBe(100)
    const oldest = tasks[0]
    if (oldest === undefined) throw new Error('There is no task.')
    await gateway.put({ ...oldest, revision: 2 })
    await expect.poll(() => dashboard.shown.length, soon).toBe(101)
    expect(dashboard.shown.map(({ id }) => id)).toEqual([...tasks.slice(5).toReversed(), oldest].map(({ id }) => id))
  })

  test('sends a task that no longer matches once more, and nothing of those that never matched', async () => {
    const gateway = await startWiredGateway()
    const [pending, other, done] = [pendingTask(), pendingTask({ reference: 'other' }), succeededTask()]
    await putAll(gateway, [pending, other, done])
    const dashboard = open(gateway.url, { variables: { where: { settled: false, provider: 'KIE' } } })
    await expect.poll(() => dashboard.shown.length, soon).toBe(2)
    await gateway.put({ ...done, revision: 2 })
    await gateway.put(settled(pending, 2))
    await gateway.put(settled(pending, 3))
    await gateway.put({ ...other, revision: 2 })
    await expect.poll(() => dashboard.latest()[other.id], soon).toBe(2)
    expect(dashboard.shown.slice(2)).toEqual([
      { id: pending.id, revision: 2, settled: true },
      { id: other.id, revision: 2, settled: false },
    ])
  })

  test('of ids sends these alone, and ignores unknown ids and those of others', async () => {
    const gateway = await startWiredGateway()
    const [one, two, foreign] = [pendingTask(), pendingTask(), pendingTask({ owner: 'key:other' })]
    await putAll(gateway, [one, two, foreign])
    const dashboard = open(gateway.url, { variables: { ids: [one.id, one.id, newTaskId(), 'no id', foreign.id] } })
    const nothing = open(gateway.url, { variables: { ids: [] } })
    await expect.poll(() => dashboard.latest(), soon).toEqual({ [one.id]: 1 })
    await gateway.put({ ...foreign, revision: 2 })
    await gateway.put({ ...two, revision: 2 })
    await gateway.put({ ...one, revision: 2 })
    await expect.poll(() => dashboard.latest(), soon).toEqual({ [one.id]: 2 })
    expect(dashboard.shown).toHaveLength(2)
    expect(nothing.shown).toEqual([])
  })

  test('of more than 100 ids, or of a filter that cannot match, is refused', async () => {
    const gateway = await startWiredGateway()
    const tooMany = open(gateway.url, { variables: { ids: Array.from({ length: 101 }, newTaskId) } })
    const wrong = open(gateway.url, { variables: { where: { referencePrefix: '' } } })
    await expect.poll(() => tooMany.hasEnded() && wrong.hasEnded(), soon).toBe(true)
    for (const { errors } of [tooMany, wrong]) expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT' })
    await expect.poll(() => gateway.subscriptions(), soon).toBe(0)
  })

  test('with since sends every task that changed meanwhile, oldest change first, also those that no longer match', async () => {
    const gateway = await startWiredGateway()
    const early = Array.from({ length: 3 }, () => pendingTask())
    await putAll(gateway, early)
    const late = Array.from({ length: 250 }, (_, index) => pendingTask({ createdAtMs: index }))
    await putAll(gateway, late)
    const where = { settled: true }
    const all = open(gateway.url, { variables: { where, since: new Date(0) } })
    const none = open(gateway.url, { variables: { where, since: new Date(Date.now() + 3_600_000) } })
    await expect.poll(() => all.shown.length, soon).toBe(253)
    expect(all.shown.map(({ id }) => id)).toEqual([...early, ...late].map(({ id }) => id))
    const done = succeededTask()
    await gateway.put(done)
    await expect.poll(() => [all.latest()[done.id], none.latest()], soon).toEqual([1, { [done.id]: 1 }])
  })

  test('with since begins a minute early, and shows nothing that changed before', async () => {
    const gateway = await startWiredGateway()
    const [before, within] = [pendingTask(), pendingTask()]
    await putAll(gateway, [before, within])
    const position = await gateway.store.latestPosition('anonymous')
    const variables = { where: { settled: true }, since: new Date(position + 60_000) }
    const dashboard = open(gateway.url, { variables })
    await expect.poll(() => dashboard.shown.map(({ id }) => id), soon).toEqual([within.id])
    await gateway.put(settled(within, 2))
    await expect.poll(() => dashboard.shown.length, soon).toBe(2)
    expect(dashboard.latest()).toEqual({ [within.id]: 2 })
  })

  test('ends with an error if the store is unavailable at the start, and goes on if it is later', async () => {
    let isDown = false
    const guard = <A extends readonly unknown[], R>(work: (...args: A) => Promise<R>) => {
      return async (...args: A): Promise<R> => {
        if (isDown) throw new StoreUnavailableError('It is down.')
        return work(...args)
      }
    }
    const gateway = await startWiredGateway({
      wrap: (store) => ({
        ...store,
        find: guard(store.find),
        list: guard(store.list),
        changes: guard(store.changes),
        latestPosition: guard(store.latestPosition),
      }),
    })
    const task = pendingTask()
    await gateway.put(task)
    const lasting = open(gateway.url)
    await expect.poll(() => lasting.shown.length, soon).toBe(1)
    isDown = true
    await gateway.store.replace({ ...task, revision: 2 }, task)
    gateway.publish(task.id)
    const refused = open(gateway.url, { variables: { where: { settled: false } } })
    await expect.poll(() => refused.hasEnded(), soon).toBe(true)
    expect(refused.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }])
    isDown = false
    await expect.poll(() => lasting.latest(), soon).toEqual({ [task.id]: 2 })
    expect(lasting.errors).toEqual([])
  })

  test('of another caller is shown nothing', async () => {
    const apiKeys = ['anna', 'ben'].map((name) => ({ name, key: `key-of-${name}` }))
    const gateway = await startWiredGateway({ apiKeys })
    const task = pendingTask({ owner: 'key:anna' })
    await gateway.put(task)
    const [anna, ben] = ['anna', 'ben'].map((name) => open(gateway.url, { authorization: `Bearer key-of-${name}` }))
    await expect.poll(() => anna?.shown.length, soon).toBe(1)
    await gateway.put({ ...task, revision: 2 })
    const own = pendingTask({ owner: 'key:ben' })
    await gateway.put(own)
    await expect.poll(() => [anna?.latest(), ben?.latest()], soon).toEqual([{ [task.id]: 2 }, { [own.id]: 1 }])
  })

  test('shares its reads with 300 others, also with those that differ in since', { timeout: 120_000 }, async () => {
    const counted: Record<string, number> = {}
    const gateway = await startWiredGateway({ wrap: counting(counted) })
    const task = pendingTask()
    await gateway.put(task)
    const dashboards = Array.from({ length: 300 }, (_, index) =>
      open(gateway.url, { variables: index % 2 === 0 ? {} : { since: new Date(4e12 + index) } }),
    )
    await expect.poll(() => dashboards.every(({ shown }) => shown.length === 1), soon).toBe(true)
    for (const name of ['find', 'list', 'changes']) counted[name] = 0
    for (let revision = 2; revision <= 4; revision++) {
      await gateway.put({ ...task, revision })
      await expect.poll(() => dashboards.every(({ shown }) => shown.at(-1)?.revision === revision), soon).toBe(true)
    }
    expect(counted).toMatchObject({ find: 3, list: 0 })
    // The changes of other gateways are read at most once a second, for all dashboards together.
    expect(counted['changes']).toBeLessThan(dashboards.length / 2)
    expect(dashboards.every(({ shown }) => shown.length === 4)).toBe(true)
  })

  test('ends with the last revision of every matching task, whatever the order of changes, readers and lost hints', async () => {
    const gateway = await startWiredGateway()
    const steps = fc.array(
      fc.tuple(fc.constantFrom('change', 'lost', 'settle', 'new', 'open', 'close', 'turn'), fc.nat(3)),
      { minLength: 5, maxLength: 30 },
    )
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const reference = newTaskId()
        const tasks: Task[] = []
        const dashboards = [open(gateway.url, { variables: { where: { reference, settled: false } } })]
        const change = async (index: number, next: (task: Task) => Task, isLost = false) => {
          const task = tasks[index % Math.max(tasks.length, 1)]
          if (task === undefined) return
          const changed = { ...next(task), revision: task.revision + 1, reference }
          tasks[tasks.indexOf(task)] = changed
          if (isLost) await gateway.store.replace(changed, task)
          else await gateway.put(changed)
        }
        for (const [step, index] of all) {
          if (step === 'new') await gateway.put(tasks[tasks.push(pendingTask({ reference })) - 1] ?? pendingTask())
          if (step === 'change') await change(index, (task) => task)
          if (step === 'lost') await change(index, (task) => task, true)
          if (step === 'settle') await change(index, (task) => settled(task, 0))
          if (step === 'open')
            dashboards.push(open(gateway.url, { variables: { where: { reference, settled: false } } }))
          if (step === 'close' && dashboards.length > 1) dashboards.shift()?.close()
          if (step === 'turn') await new Promise((resolve) => setImmediate(resolve))
        }
        // The next hint of each task makes up for those that were lost.
        for (const task of tasks) gateway.publish(task.id)
        const pending = tasks.filter(({ state }) => state === 'pending')
        for (const dashboard of dashboards) {
          await expect
            .poll(() => pending.every(({ id, revision }) => dashboard.latest()[id] === revision), soon)
            .toBe(true)
          // Whoever was shown a task as pending learns that it is settled.
          const isStale = () =>
            Object.values(Object.fromEntries(dashboard.shown.map((each) => [each.id, each]))).some(
              ({ id, settled: isSettled }) => !isSettled && tasks.find((task) => task.id === id)?.state !== 'pending',
            )
          await expect.poll(isStale, soon).toBe(false)
          expect(isInOrder(dashboard.shown)).toBe(true)
          dashboard.close()
        }
      }),
      { numRuns: 25 },
    )
  })
})

test(
  'a dashboard that stops reading gets the latest state of each task, and holds up no other',
  { timeout: 120_000 },
  async () => {
    const gateway = await startWiredGateway()
    const audioId = 'x'.repeat(50_000)
    const tasks = Array.from({ length: 20 }, () => pendingTask({ audioId }))
    await putAll(gateway, tasks)
    const query = 'subscription { separationsUpdated { id revision settled audioId } }'
    const socket = new WebSocket(webSocketUrl(gateway.url), 'graphql-transport-ws')
    onTestFinished(() => socket.terminate())
    const slow: ShownTask[] = []
    await once(socket, 'open')
    socket.send('{"type":"connection_init"}')
    await once(socket, 'message')
    socket.on('message', (data: Buffer) => slow.push(JSON.parse(data.toString()).payload.data.separationsUpdated))
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }))
    const quick = dashboardOver.WebSocket(gateway.url, { query })
    await expect.poll(() => [slow.length, quick.shown.length], soon).toEqual([20, 20])
    socket.pause()
    const last = 40
    for (let revision = 2; revision <= last; revision++) {
      await putAll(
        gateway,
        tasks.map((task) => ({ ...task, revision })),
      )
      const isShown = () => Object.values(quick.latest()).every((each) => each === revision)
      await expect.poll(isShown, soon).toBe(true)
    }
    expect(gateway.subscriptions()).toBe(2)
    socket.resume()
    const latest = () => Object.fromEntries(slow.map(({ id, revision }) => [id, revision]))
    await expect.poll(latest, soon).toEqual(Object.fromEntries(tasks.map(({ id }) => [id, last])))
    expect(isInOrder(slow)).toBe(true)
    expect(slow.length).toBeLessThan((20 * last) / 2)
    expect(quick.shown).toHaveLength(20 * last)
  },
)

test(
  'a dashboard that stops reading while more than 1,000 tasks change misses none of them',
  { timeout: 120_000 },
  async () => {
    const gateway = await startWiredGateway()
    const { store } = gateway
    const audioId = 'x'.repeat(20_000)
    const query = 'subscription { separationsUpdated { id revision settled audioId } }'
    const response = await post(gateway.url, { query }, 'text/event-stream')
    const quick = dashboardOver.SSE(gateway.url)
    await expect.poll(() => gateway.subscriptions(), soon).toBe(2)
    const tasks = Array.from({ length: 1_500 }, (_, index) => pendingTask({ audioId, createdAtMs: index }))
    for (let from = 0; from < tasks.length; from += 100) {
      const some = tasks.slice(from, from + 100)
      await Promise.all(some.map((task) => store.adopt(task, null)))
      for (const task of some) gateway.publish(task.id)
      await expect.poll(() => Object.keys(quick.latest()).length, soon).toBe(from + 100)
    }
    const shown = new Map<string, number>()
    for await (const { data } of readEvents(response)) {
      const { id, revision } = (data as { separationsUpdated: ShownTask }).separationsUpdated
      shown.set(id, revision)
      if (shown.size === tasks.length) break
    }
    expect([...shown.keys()].toSorted()).toEqual(tasks.map(({ id }) => id).toSorted())
  },
)
