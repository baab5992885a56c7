import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { StoreUnavailableError } from '../../src/separation/errors.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { openPostgresStore } from '../../src/stores/postgres/postgres-store.ts'
import { findPostgres, newPostgresDatabase } from '../support/services.ts'
import { startSwallowingProxy } from '../support/swallowing-proxy.ts'
import { pendingTask } from '../support/tasks.ts'
import type { Task } from '../../src/separation/task/task.ts'
import type { Store } from '../../src/separation/store/store.ts'

const postgres = await findPostgres()
const silentLog = { debug() {}, info() {}, warn() {}, error() {} }

async function open(url: string): Promise<Store> {
  const store = await openPostgresStore(url, silentLog)
  onTestFinished(() => store.close())
  return store
}

/** A separate connection to the database. */
async function connectTo(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

/** Terminates every other connection to the database. */
async function terminateOthers(client: pg.Client): Promise<number> {
  const { rowCount } = await client.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  )
  return rowCount ?? 0
}

/** The same database through another port. */
function through(port: number, url: string): string {
  const proxied = new URL(url)
  proxied.hostname = '127.0.0.1'
  proxied.port = String(port)
  return proxied.href
}

const portOf = (url: string) => Number(new URL(url).port || 5432)
const unbound = () => pendingTask({ id: newTaskId(), providerTaskId: null, charge: 'MAYBE', provider: 'kie' })
const orderOf = (task = unbound(), key: string | null = null) => ({
  task,
  key: key === null ? null : { owner: task.owner, key, fingerprint: 'input' },
  dueAtMs: 5,
  canJoin: () => true,
  isAdmitted: true,
})

const day = { name: 'orders/day', startMs: 0, endMs: 86_400_000, amountOf: () => 1 }

describe.skipIf(postgres === null)('a PostgreSQL database', () => {
  test('stores the orders of others while those of one owner wait for a suspended gateway', async () => {
    const url = await newPostgresDatabase()
    const store = await open(url)
    const placed = (owner: string) => {
      const task = pendingTask({ ...unbound(), id: newTaskId(), owner, audioId: newTaskId() })
      return store.createOrder({ ...orderOf(task), canJoin: null, claims: [{ ...day, amount: 1, limit: 100 }] })
    }
    await placed('key:held')
    const suspended = await connectTo(url)
    await suspended.query('begin')
    await suspended.query("update budgets set used = used + 1 where owner = 'key:held'")
    const held = Promise.allSettled(Array.from({ length: 20 }, () => placed('key:held')))
    // Within its transaction, the suspended one would see the same activity again and again.
    const operator = await connectTo(url)
    const isWaiting = async () => {
      const { rowCount } = await operator.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      )
      return rowCount
    }
    await expect.poll(isWaiting, { interval: 10 }).toBe(3)
    const startedAt = performance.now()
    expect(await placed('key:other')).toMatchObject({ kind: 'new' })
    // Before the others give up.
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    await suspended.query('rollback')
    expect((await held).some(({ status }) => status === 'fulfilled')).toBe(true)
  })

  test('can be migrated by several gateways at the same time', async () => {
    const url = await newPostgresDatabase()
    const opened = await Promise.all(Array.from({ length: 8 }, () => open(url)))
    const secrets = await Promise.all(opened.map((store, index) => store.secret('callbacks', () => `secret-${index}`)))
    expect(new Set(secrets).size).toBe(1)
  })

  test('from a newer version is refused', async () => {
    const url = await newPostgresDatabase()
    await open(url)
    const client = await connectTo(url)
    await client.query("insert into kysely_migration (name, timestamp) values ('9999-later', '2030-01-01')")
    await expect(openPostgresStore(url, silentLog)).rejects.toThrow(
      /written by a newer version of Stemgate\..*migrations \(9999-later\)/,
    )
  })

  test('gives two gateways one task for one order', async () => {
    const url = await newPostgresDatabase()
    const both = [await open(url), await open(url)]
    const placed = await Promise.all(
      both.flatMap((store) => Array.from({ length: 50 }, () => store.createOrder(orderOf(unbound(), 'key')))),
    )
    expect(placed.filter(({ kind }) => kind === 'new')).toHaveLength(1)
    expect(new Set(placed.map((each) => ('task' in each ? each.task.id : null))).size).toBe(1)
  })

  test.each(['read committed', 'repeatable read', 'serializable'])(
    'gives concurrent orders for one track one task with the default isolation %s',
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
              orderOf(pendingTask({ ...unbound(), id: newTaskId(), audioId: `track-${round}` })),
            ),
          ),
        )
        expect(placed.filter(({ kind }) => kind === 'new')).toHaveLength(1)
      }
    },
  )

  test('with synchronous_commit off is refused', async () => {
    const url = await newPostgresDatabase()
    await (await connectTo(url)).query(`alter database ${new URL(url).pathname.slice(1)} set synchronous_commit = off`)
    await expect(openPostgresStore(url, silentLog)).rejects.toThrow(/synchronous_commit is off.*alter database/)
  })

  test('gives a key one task if two gateways use it at the same time for different tracks', async () => {
    const url = await newPostgresDatabase()
    const [one, other] = [await open(url), await open(url)]
    for (let round = 0; round < 20; round++) {
      const placed = await Promise.all(
        Array.from({ length: 6 }, (_, index) => {
          const task = pendingTask({ ...unbound(), id: newTaskId(), audioId: `track-${round}-${index}` })
          return (index % 2 === 0 ? one : other).createOrder(orderOf(task, `key-${round}`))
        }),
      )
      expect(placed.filter((each) => each?.kind === 'new')).toHaveLength(1)
    }
  })

  test('that terminates every connection causes a delay and no error', async () => {
    const url = await newPostgresDatabase()
    const [store, client] = [await open(url), await connectTo(url)]
    for (let round = 0; round < 5; round++) {
      const writes = Array.from({ length: 30 }, (_, index) =>
        store.createOrder(orderOf(pendingTask({ ...unbound(), id: newTaskId(), audioId: `${round}-${index}` }))),
      )
      const ended = await terminateOthers(client)
      expect(await Promise.all(writes)).toHaveLength(30)
      // The connections are idle now, so no statement receives the error.
      expect(ended + (await terminateOthers(client))).toBeGreaterThan(0)
      expect((await store.list('anonymous', { where: {}, limit: 1_000, inverted: false })).length).toBe(
        30 * (round + 1),
      )
    }
  })

  test('is used again within 10 s after its connections went silent', async () => {
    const url = await newPostgresDatabase()
    const proxy = await startSwallowingProxy(portOf(url))
    const store = await open(through(proxy.port, url))
    const task = unbound()
    await store.createOrder(orderOf(task))
    proxy.swallow()
    const asked = store.find([task.id])
    // The statement is lost. A new connection works.
    proxy.heal()
    const startedAt = performance.now()
    expect(await asked).toEqual([task])
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    expect(await store.find([task.id])).toEqual([task])
  })

  test('that stays silent is unavailable, and does not block close', async () => {
    const url = await newPostgresDatabase()
    const proxy = await startSwallowingProxy(portOf(url))
    const store = await openPostgresStore(through(proxy.port, url), silentLog)
    proxy.swallow()
    const startedAt = performance.now()
    await expect(store.find([newTaskId()])).rejects.toThrow(StoreUnavailableError)
    await store.close()
    expect(performance.now() - startedAt).toBeLessThan(15_000)
  })

  test('stores an order once and returns it as new if the answer to its commit was lost', async () => {
    const url = await newPostgresDatabase()
    const lossy = await startCommitLoser(portOf(url))
    const store = await open(through(lossy.port, url))
    for (const key of [null, 'key']) {
      const task = pendingTask({ ...unbound(), id: newTaskId(), audioId: `track of ${key}` })
      lossy.loseNextCommit()
      expect(await store.createOrder(orderOf(task, key))).toEqual({ kind: 'new', task })
      expect(await store.createOrder(orderOf(unbound(), key))).toMatchObject({ kind: key === null ? 'new' : 'joined' })
    }
    expect(lossy.lost()).toBe(2)
    const task = pendingTask({ ...unbound(), id: newTaskId(), audioId: 'saved' })
    await store.createOrder(orderOf(task))
    lossy.loseNextCommit()
    await store.saveCallback({ taskId: task.id, receivedAtMs: 1, providerTaskId: null, report: null })
    expect(await store.savedCallbacks(task.id)).toHaveLength(1)
    expect(lossy.lost()).toBe(3)
  })

  test('releases the locks of a gateway that is suspended during an order', async () => {
    const url = await newPostgresDatabase()
    const proxy = await startSwallowingProxy(portOf(url))
    const [stopped, store] = [await open(through(proxy.port, url)), await open(url)]
    const [earlier, first, second] = [unbound(), unbound(), unbound()]
    await store.createOrder(orderOf(earlier))
    const canJoin = ({ id }: Task) => id !== earlier.id
    // A suspended process neither continues nor closes its connection.
    let suspend: (() => void) | null = null
    const suspended = new Promise<void>((resolve) => {
      suspend = () => {
        suspend = null
        proxy.swallow()
        resolve()
      }
    })
    const interrupted = stopped
      .createOrder({
        ...orderOf(first),
        canJoin(task) {
          suspend?.()
          return canJoin(task)
        },
      })
      .catch((error: unknown) => error)
    await suspended
    await expect
      .poll(async () => store.createOrder({ ...orderOf(second), canJoin }).catch((error: unknown) => error), {
        timeout: 15_000,
      })
      .toEqual({ kind: 'new', task: second })
    proxy.heal()
    // When it resumes, its order is not created: it joins the other one or fails with StoreUnavailableError.
    expect(await interrupted).not.toMatchObject({ kind: 'new' })
    expect(await store.find([first.id])).toEqual([])
  })

  test('that is unreachable is reported as such', async () => {
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

/** A proxy that can lose the answer to a commit: it then cuts the connection. */
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
