import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { StoreUnavailableError } from '../../src/separation/errors.ts'
import { newTaskId } from '../../src/separation/task-id.ts'
import { openPostgresStore } from '../../src/stores/postgres-store.ts'
import { findPostgres, newPostgresDatabase } from '../support/services.ts'
import { startSwallowingProxy } from '../support/swallowing-proxy.ts'
import { pendingTask } from '../support/tasks.ts'
import type { Store } from '../../src/separation/store.ts'

const postgres = await findPostgres()
const silentLog = { debug() {}, info() {}, warn() {}, error() {} }

async function open(url: string): Promise<Store> {
  const store = await openPostgresStore(url, silentLog)
  onTestFinished(() => store.close())
  return store
}

/** A connection of our own to the database. */
async function connectTo(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

/** Ends every other connection to the database, as an operator or a restart does. */
async function terminateOthers(client: pg.Client): Promise<number> {
  const { rowCount } = await client.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  )
  return rowCount ?? 0
}

/** The same database by way of another port. */
function through(port: number, url: string): string {
  const there = new URL(url)
  there.hostname = '127.0.0.1'
  there.port = String(port)
  return there.href
}

const portOf = (url: string) => Number(new URL(url).port || 5432)
const unbound = () => pendingTask({ id: newTaskId(), providerTaskId: null, charge: 'MAYBE', provider: 'kie' })
const placing = (task = unbound(), key: string | null = null) => ({
  task,
  key: key === null ? null : { owner: task.owner, key, fingerprint: 'input' },
  dueAtMs: 5,
  canJoin: () => true,
  isAdmitted: async () => true,
})

describe.skipIf(postgres === null)('PostgreSQL', () => {
  test('may be opened by many at once, new as it is', async () => {
    const url = await newPostgresDatabase()
    const opened = await Promise.all(Array.from({ length: 8 }, () => open(url)))
    const secrets = await Promise.all(opened.map((store, index) => store.secret('callbacks', () => `secret-${index}`)))
    expect(new Set(secrets).size).toBe(1)
  })

  test('that a later version has written is left alone', async () => {
    const url = await newPostgresDatabase()
    await open(url)
    const client = await connectTo(url)
    await client.query("insert into kysely_migration (name, timestamp) values ('9999-later', '2030-01-01')")
    await expect(openPostgresStore(url, silentLog)).rejects.toThrow(
      /written by a later version of Stemgate: it has the changes 9999-later,/,
    )
  })

  test('gives the callers of two gateways one task for one order', async () => {
    const url = await newPostgresDatabase()
    const both = [await open(url), await open(url)]
    const placed = await Promise.all(
      both.flatMap((store) => Array.from({ length: 50 }, () => store.createOrder(placing(unbound(), 'key')))),
    )
    expect(placed.filter(({ kind }) => kind === 'new')).toHaveLength(1)
    expect(new Set(placed.map((each) => (each.kind === 'not-admitted' ? null : each.task.id))).size).toBe(1)
  })

  test.each(['read committed', 'repeatable read', 'serializable'])(
    'gives many at once one task for one track, though its default isolation is %s',
    async (isolation) => {
      const url = await newPostgresDatabase()
      await (
        await connectTo(url)
      ).query(`alter database ${new URL(url).pathname.slice(1)} set default_transaction_isolation = '${isolation}'`)
      const [one, other] = [await open(url), await open(url)]
      for (let round = 0; round < 10; round++) {
        const placed = await Promise.all(
          Array.from({ length: 8 }, (_, index) =>
            (index % 2 === 0 ? one : other).createOrder(
              placing(pendingTask({ ...unbound(), id: newTaskId(), audioId: `track-${round}` })),
            ),
          ),
        )
        expect(placed.filter(({ kind }) => kind === 'new')).toHaveLength(1)
      }
    },
  )

  test('that may forget what was committed is refused', async () => {
    const url = await newPostgresDatabase()
    await (await connectTo(url)).query(`alter database ${new URL(url).pathname.slice(1)} set synchronous_commit = off`)
    await expect(openPostgresStore(url, silentLog)).rejects.toThrow(/synchronous_commit is off.*alter database/)
  })

  test('lets a key lead to one task, although two gateways use it at once for different tracks', async () => {
    const url = await newPostgresDatabase()
    const [one, other] = [await open(url), await open(url)]
    for (let round = 0; round < 20; round++) {
      const placed = await Promise.all(
        Array.from({ length: 6 }, (_, index) => {
          const task = pendingTask({ ...unbound(), id: newTaskId(), audioId: `track-${round}-${index}` })
          return (index % 2 === 0 ? one : other).createOrder(placing(task, `key-${round}`))
        }),
      )
      expect(placed.filter((each) => each?.kind === 'new')).toHaveLength(1)
    }
  })

  test('may end every connection, and nothing is noticed but a delay', async () => {
    const url = await newPostgresDatabase()
    const [store, client] = [await open(url), await connectTo(url)]
    for (let round = 0; round < 5; round++) {
      const writes = Array.from({ length: 30 }, (_, index) =>
        store.createOrder(placing(pendingTask({ ...unbound(), id: newTaskId(), audioId: `${round}-${index}` }))),
      )
      const ended = await terminateOthers(client)
      expect(await Promise.all(writes)).toHaveLength(30)
      // Now they are idle, and nobody is there to catch an error.
      expect(ended + (await terminateOthers(client))).toBeGreaterThan(0)
      expect((await store.list('anonymous', { where: {}, limit: 1_000, inverted: false })).length).toBe(
        30 * (round + 1),
      )
    }
  })

  test('is heard of again within seconds after something between has swallowed its connections', async () => {
    const url = await newPostgresDatabase()
    const proxy = await startSwallowingProxy(portOf(url))
    const store = await open(through(proxy.port, url))
    const task = unbound()
    await store.createOrder(placing(task))
    proxy.swallow()
    const asked = store.find([task.id])
    // What was sent is lost. A new connection passes.
    proxy.heal()
    const startedAt = performance.now()
    expect(await asked).toEqual([task])
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    expect(await store.find([task.id])).toEqual([task])
  })

  test('that stays silent is unavailable, and closing does not wait for it', async () => {
    const url = await newPostgresDatabase()
    const proxy = await startSwallowingProxy(portOf(url))
    const store = await openPostgresStore(through(proxy.port, url), silentLog)
    proxy.swallow()
    const startedAt = performance.now()
    await expect(store.find([newTaskId()])).rejects.toThrow(StoreUnavailableError)
    await store.close()
    expect(performance.now() - startedAt).toBeLessThan(15_000)
  })

  test('writes an order once, and calls it new, although the answer to its commit was lost', async () => {
    const url = await newPostgresDatabase()
    const lossy = await startCommitLoser(portOf(url))
    const store = await open(through(lossy.port, url))
    for (const key of [null, 'key']) {
      const task = pendingTask({ ...unbound(), id: newTaskId(), audioId: `track of ${key}` })
      lossy.loseNextCommit()
      expect(await store.createOrder(placing(task, key))).toEqual({ kind: 'new', task })
      expect(await store.createOrder(placing(unbound(), key))).toMatchObject({ kind: key === null ? 'new' : 'joined' })
    }
    expect(lossy.lost()).toBe(2)
    const task = pendingTask({ ...unbound(), id: newTaskId(), audioId: 'saved' })
    await store.createOrder(placing(task))
    lossy.loseNextCommit()
    await store.saveCallback({ taskId: task.id, receivedAtMs: 1, providerTaskId: null, report: null })
    expect(await store.savedCallbacks(task.id)).toHaveLength(1)
    expect(lossy.lost()).toBe(3)
  })

  test('takes the locks from a gateway that stands still in the middle of an order', async () => {
    const url = await newPostgresDatabase()
    const [stopped, store] = [await open(url), await open(url)]
    const [first, second] = [unbound(), unbound()]
    let goOn = () => {}
    // A process that was stopped neither goes on nor lets its connection go.
    const standsStill = new Promise<boolean>((resolve) => (goOn = () => resolve(true)))
    const standing = stopped
      .createOrder({ ...placing(first), isAdmitted: () => standsStill })
      .catch((error: unknown) => error)
    await expect
      .poll(async () => store.createOrder(placing(second)).catch((error: unknown) => error), { timeout: 15_000 })
      .toEqual({ kind: 'new', task: second })
    goOn()
    // When it goes on, its order is not taken: it joins the other one, or is told that the store was away.
    expect(await standing).not.toMatchObject({ kind: 'new' })
    expect(await store.find([first.id])).toEqual([])
  })

  test('that cannot be reached is said to be so', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    server.close()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    await expect(openPostgresStore(`postgres://u:hunter2@127.0.0.1:${port}/x`, silentLog)).rejects.toMatchObject({
      name: 'StoreUnavailableError',
      cause: { code: 'ECONNREFUSED' },
    })
  })
})

/** Passes everything on, but for the answer to a commit that is to be lost: then the line is cut instead. */
async function startCommitLoser(targetPort: number) {
  const sockets = new Set<Socket>()
  let isLosing = false
  let lost = 0
  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1')
    let isCommitting = false
    for (const socket of [client, target]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    client.on('data', (bytes) => {
      if (isLosing && /commit/i.test(bytes.toString('latin1'))) {
        isLosing = false
        isCommitting = true
      }
      target.write(bytes)
    })
    target.on('data', (bytes) => {
      if (isCommitting) {
        lost += 1
        client.resetAndDestroy()
        target.destroy()
      } else client.write(bytes)
    })
    client.on('close', () => target.destroy())
    target.on('close', () => client.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.')
  return {
    port: address.port,
    loseNextCommit: () => void (isLosing = true),
    lost: () => lost,
  }
}
