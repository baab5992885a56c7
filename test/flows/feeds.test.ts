import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import * as fc from 'fast-check'
import { buildSchema, parse, validate } from 'graphql'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Store } from '../../src/separation/store/store.ts'
import { partsOfType } from '../../src/separation/task/separation-type.ts'
import type { PendingTask, Task } from '../../src/separation/task/task.ts'
import { failedTask, pendingTask, stem, succeededTask } from '../support/tasks.ts'
import { post, webSocketUrl } from '../support/transports.ts'
import { validSubscriptions } from '../support/valid-documents.ts'
import { watchQuery } from '../support/watchers.ts'
import { startWiredGateway, type WiredGateway } from '../support/wired-gateway.ts'

interface Message {
  readonly id: string
  readonly type: string
  readonly payload?: { readonly data: { readonly separationUpdated: { readonly revision: number } | null } }
}

/** How long a test waits for what it expects, on a busy machine. */
const soon = { timeout: 10_000 }

/** A socket that speaks the protocol by hand, so that a test decides when it reads and what it sends. */
async function openSocket({ url }: WiredGateway, authorization?: string) {
  const socket = new WebSocket(webSocketUrl(url), 'graphql-transport-ws')
  onTestFinished(() => socket.terminate())
  const messages: Message[] = []
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }))
  await once(socket, 'message')
  socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString())))
  const of = (id: string) => messages.filter((message) => message.id === id)
  return {
    socket,
    messages,
    subscribe: (id: string, taskId: string) =>
      socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query: watchQuery, variables: { taskId } } })),
    complete: (id: string) => socket.send(JSON.stringify({ id, type: 'complete' })),
    /** The revisions that the subscription of this id was sent. */
    revisions: (id: string) => of(id).flatMap(({ payload }) => payload?.data.separationUpdated?.revision ?? []),
    hasEnded: (id: string) => of(id).at(-1)?.type === 'complete',
  }
}

function settled({ id, providerTaskId, owner }: PendingTask, revision: number) {
  return succeededTask({ id, providerTaskId, owner, revision })
}

function numbersTo(last: number): readonly number[] {
  return Array.from({ length: last }, (_, index) => index + 1)
}

/** Counts the reads of tasks that reach the store. */
async function startCountingGateway() {
  const counted = { reads: 0 }
  const wrap = (store: Store): Store => ({
    ...store,
    find(ids) {
      counted.reads += 1
      return store.find(ids)
    },
  })
  return { counted, gateway: await startWiredGateway({ wrap }) }
}

describe('equal subscriptions of one caller', () => {
  test('each get every state, under their own ids, and complete after the last one', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    const sockets = await Promise.all(Array.from({ length: 20 }, () => openSocket(gateway)))
    for (const [index, { subscribe }] of sockets.entries()) {
      subscribe(`first-${index}`, task.id)
      // Characters of several bytes, and such that JSON escapes.
      subscribe(`zweite "ü" ${index}`, task.id)
    }
    const ids = sockets.map((_, index) => [`first-${index}`, `zweite "ü" ${index}`])
    const report = () => sockets.flatMap(({ revisions }, index) => (ids[index] ?? []).map((id) => revisions(id)))
    for (let revision = 1; revision <= 5; revision++) {
      if (revision > 1) await gateway.put({ ...task, revision })
      await expect.poll(report).toEqual(Array.from({ length: 40 }, () => numbersTo(revision)))
    }
    await gateway.put(settled(task, 6))
    await expect
      .poll(() => sockets.every(({ hasEnded }, index) => (ids[index] ?? []).every((id) => hasEnded(id))))
      .toBe(true)
    expect(report()).toEqual(Array.from({ length: 40 }, () => numbersTo(6)))
    expect(gateway.subscriptions()).toBe(0)
  })

  test('do not end with the one that leaves first', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask()
    await gateway.put(task)
    const [leaving, vanishing, staying] = [
      await openSocket(gateway),
      await openSocket(gateway),
      await openSocket(gateway),
    ]
    for (const { subscribe } of [leaving, vanishing, staying]) subscribe('1', task.id)
    await expect
      .poll(() => [leaving, vanishing, staying].map(({ revisions }) => revisions('1')))
      .toEqual([[1], [1], [1]])
    leaving.complete('1')
    vanishing.socket.terminate()
    await expect.poll(() => gateway.subscriptions()).toBe(1)
    await gateway.put(settled(task, 2))
    await expect.poll(() => staying.hasEnded('1')).toBe(true)
    expect(staying.revisions('1')).toEqual([1, 2])
    expect(leaving.revisions('1')).toEqual([1])
  })

  test('take one read of the store for each change, however many they are', async () => {
    const { counted, gateway } = await startCountingGateway()
    const task = pendingTask()
    await gateway.put(task)
    const sockets = await Promise.all(Array.from({ length: 10 }, () => openSocket(gateway)))
    for (const { subscribe } of sockets) for (let id = 0; id < 100; id++) subscribe(String(id), task.id)
    await expect.poll(() => sockets.map(({ messages }) => messages.length)).toEqual(sockets.map(() => 100))
    counted.reads = 0
    for (let revision = 2; revision <= 4; revision++) {
      await gateway.put({ ...task, revision })
      await expect.poll(() => sockets.map(({ messages }) => messages.length)).toEqual(sockets.map(() => revision * 100))
    }
    expect(counted.reads).toBe(3)
  })

  test('begin with a state that is read after they joined, also if an older one is still being read', async () => {
    let hold: Promise<void> | null = null
    let reads = 0
    const gateway = await startWiredGateway({
      wrap: (store) => ({
        ...store,
        async find(ids) {
          const found = await store.find(ids)
          reads += 1
          await hold
          return found
        },
      }),
    })
    const task = pendingTask()
    await gateway.put(task)
    const [early, late] = [await openSocket(gateway), await openSocket(gateway)]
    early.subscribe('1', task.id)
    await expect.poll(() => early.revisions('1')).toEqual([1])

    let release = () => {}
    hold = new Promise((resolve) => (release = resolve))
    reads = 0
    await gateway.put({ ...task, revision: 2 })
    await expect.poll(() => reads).toBe(1)
    expect(await gateway.store.replace({ ...task, revision: 3 }, { ...task, revision: 2 })).toBe(true)
    late.subscribe('1', task.id)
    await expect.poll(() => gateway.subscriptions()).toBe(2)
    hold = null
    release()
    await expect.poll(() => [early.revisions('1'), late.revisions('1')]).toEqual([[1, 2, 3], [3]])
  })

  test('are not kept up by one that stops reading, which gets the latest state alone', async () => {
    const gateway = await startWiredGateway()
    const task = pendingTask({ audioId: 'x'.repeat(250_000) })
    await gateway.put(task)
    const [slow, quick] = [await openSocket(gateway), await openSocket(gateway)]
    for (const { subscribe } of [slow, quick]) subscribe('1', task.id)
    await expect.poll(() => [slow.revisions('1'), quick.revisions('1')]).toEqual([[1], [1]])
    slow.socket.pause()
    const last = 100
    for (let revision = 2; revision < last; revision++) {
      await gateway.put({ ...task, revision })
      await expect.poll(() => quick.revisions('1').at(-1), { interval: 1 }).toBe(revision)
    }
    await gateway.put(settled(task, last))
    await expect.poll(() => quick.hasEnded('1')).toBe(true)
    expect(quick.revisions('1')).toEqual(numbersTo(last))
    expect(gateway.subscriptions()).toBe(1)

    slow.socket.resume()
    await expect.poll(() => slow.hasEnded('1')).toBe(true)
    const seen = slow.revisions('1')
    expect(seen.at(-1)).toBe(last)
    expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b))
    expect(seen.length).toBeLessThan(last / 2)
    expect(gateway.subscriptions()).toBe(0)
  })
})

test('an event of any length arrives whole, over WebSocket', async () => {
  const gateway = await startWiredGateway()
  const { socket, messages } = await openSocket(gateway)
  const query = 'subscription ($taskId: ID!) { separationUpdated(taskId: $taskId) { audioId } }'
  const textOf = (id: string, audioId: string) =>
    JSON.stringify({ id, type: 'next', payload: { data: { separationUpdated: { audioId } } } })
  // Around the sizes at which the length of a frame takes another form.
  const sizes = [124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537]
  for (const size of sizes) {
    const id = `ü${size}`
    const audioId = 'x'.repeat(size - Buffer.byteLength(textOf(id, '')))
    const task = pendingTask({ audioId })
    await gateway.put(task)
    socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables: { taskId: task.id } } }))
    await expect.poll(() => messages.map((message) => JSON.stringify(message)), soon).toEqual([textOf(id, audioId)])
    await gateway.put({ ...settled(task, 2), audioId })
    await expect
      .poll(() => messages.map((message) => JSON.stringify(message)), soon)
      .toEqual([textOf(id, audioId), textOf(id, audioId), JSON.stringify({ id, type: 'complete' })])
    messages.length = 0
  }
})

test('an equal subscription of another caller shares nothing', async () => {
  const apiKeys = ['anna', 'ben'].map((name) => ({ name, key: `key-of-${name}` }))
  const gateway = await startWiredGateway({ apiKeys })
  const task = pendingTask({ owner: 'key:anna' })
  await gateway.put(task)
  const [anna, ben] = [await openSocket(gateway, 'Bearer key-of-anna'), await openSocket(gateway, 'Bearer key-of-ben')]
  anna.subscribe('1', task.id)
  await expect.poll(() => anna.revisions('1')).toEqual([1])
  ben.subscribe('1', task.id)
  await expect.poll(() => ben.hasEnded('1')).toBe(true)
  expect(ben.messages).toEqual([
    { id: '1', type: 'next', payload: { data: { separationUpdated: null } } },
    { id: '1', type: 'complete' },
  ])
  await gateway.put(settled(task, 2))
  await expect.poll(() => anna.hasEnded('1')).toBe(true)
  expect(anna.revisions('1')).toEqual([1, 2])
  expect(ben.messages).toHaveLength(2)
})

test('a subscriber that joins at any moment starts with a state that is not older, and ends with the last', async () => {
  const gateway = await startWiredGateway()
  const socket = await openSocket(gateway)
  let nextId = 0
  const steps = fc.array(fc.constantFrom('change', 'join', 'leave', 'turn'), { minLength: 5, maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const task = pendingTask()
      await gateway.put(task)
      let stored = 1
      const joined: { readonly id: string; readonly stored: number }[] = []
      const left = new Set<string>()
      for (const step of [...all, 'join'] as const) {
        if (step === 'change') await gateway.put({ ...task, revision: ++stored })
        if (step === 'turn') await new Promise((resolve) => setImmediate(resolve))
        if (step === 'join') {
          joined.push({ id: String(++nextId), stored })
          socket.subscribe(String(nextId), task.id)
        }
        const leaving = joined.at(-2)
        if (step === 'leave' && leaving !== undefined) {
          left.add(leaving.id)
          socket.complete(leaving.id)
        }
      }
      await gateway.put(settled(task, ++stored))
      const stayed = joined.filter(({ id }) => !left.has(id))
      await expect.poll(() => stayed.every(({ id }) => socket.hasEnded(id)), { interval: 1 }).toBe(true)
      for (const { id, stored: storedAtJoin } of joined) {
        const seen = socket.revisions(id)
        expect(seen[0] ?? storedAtJoin).toBeGreaterThanOrEqual(storedAtJoin)
        expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b))
        if (!left.has(id)) expect(seen.at(-1)).toBe(stored)
      }
      await expect.poll(() => gateway.subscriptions(), { interval: 1 }).toBe(0)
    }),
    { numRuns: 60 },
  )
})

test('equal revisions give equal texts: to all subscribers of a feed, over both transports, and in a feed that opens later', async () => {
  const gateway = await startWiredGateway()
  const schema = buildSchema(await readFile('schema/schema.graphql', 'utf8'))
  const subscriptions = validSubscriptions(schema).filter(({ query }) => validate(schema, parse(query)).length === 0)
  const stems = partsOfType.split_stem.map((part) => stem(part, { label: `The ${part} 🎵`, durationSeconds: 180.25 }))
  const settledTasks = [failedTask(), succeededTask(), succeededTask({ type: 'split_stem', stems })]
  const socket = new WebSocket(webSocketUrl(gateway.url), 'graphql-transport-ws')
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  socket.send('{"type":"connection_init"}')
  await once(socket, 'message')
  let nextId = 0

  /** The JSON of the results of a subscription, as it is sent. */
  const overWebSocket = (operation: object) =>
    new Promise<string[]>((resolve) => {
      const head = `{"id":"${++nextId}","type":"next","payload":`
      const texts: string[] = []
      socket.on('message', function take(data: Buffer) {
        const text = data.toString()
        if (text.startsWith(head)) texts.push(text.slice(head.length, -1))
        if (text !== `{"id":"${nextId}","type":"complete"}`) return
        socket.off('message', take)
        resolve(texts)
      })
      socket.send(JSON.stringify({ id: String(nextId), type: 'subscribe', payload: operation }))
    })
  const overSse = async (operation: object) => {
    const text = await (await post(gateway.url, operation, 'text/event-stream')).text()
    return [...text.matchAll(/^data: (.+)$/gm)].map(([, json = '']) => json)
  }

  await fc.assert(
    fc.asyncProperty(subscriptions, fc.constantFrom(...settledTasks), async ({ query, variables }, end) => {
      const task = pendingTask({ type: end.type })
      const { id, providerTaskId } = task
      await gateway.put(task)
      const operation = { query, variables: { ...variables, id } }
      const watching = [overSse(operation), overSse(operation), overWebSocket(operation)]
      await expect.poll(() => gateway.subscriptions(), { interval: 1, ...soon }).toBe(3)
      await gateway.put({ ...end, id, providerTaskId, revision: 2 } satisfies Task)
      const texts = await Promise.all(watching)
      const later = await Promise.all([overSse(operation), overWebSocket(operation)])
      expect(new Set([...texts, ...later].map((each) => each.at(-1))).size).toBe(1)
      expect(new Set(texts.filter(({ length }) => length > 1).map((each) => each[0])).size).toBeLessThan(2)
      expect(later.map(({ length }) => length)).toEqual([1, 1])
    }),
    { numRuns: 100, endOnFailure: true },
  )
})
