import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ReadDocument } from '../../schema/operations.ts'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import type { Task } from '../../src/separation/task/task.ts'
import { openPostgresStore } from '../../src/stores/postgres/postgres-store.ts'
import { order, startGateway } from '../support/gateway.ts'
import { hasPgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { callbackOfSuccess, recordOfSuccess, startPlayedProvider } from '../support/played-provider.ts'
import { findPostgres, newPostgresDatabase } from '../support/services.ts'
import { startSwallowingProxy } from '../support/swallowing-proxy.ts'
import { pendingTask } from '../support/tasks.ts'
import type { Store } from '../../src/separation/store/store.ts'

const postgres = await findPostgres()
const silentLog = { debug() {}, info() {}, warn() {}, error() {} }
const ignored =
  'ignore_startup_parameters = statement_timeout, lock_timeout, idle_in_transaction_session_timeout, extra_float_digits'

async function open(url: string): Promise<Store> {
  const store = await openPostgresStore(url, silentLog)
  onTestFinished(() => store.close())
  return store
}

async function connectTo(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

/** The same database through another port. */
function through(port: number, url: string): string {
  const proxied = new URL(url)
  proxied.hostname = '127.0.0.1'
  proxied.port = String(port)
  return proxied.href
}

const portOf = (url: string) => Number(new URL(url).port || 5432)
const orderOf = (task: Task) => ({
  task,
  key: null,
  dueAtMs: 5,
  canJoin: () => true,
  isAdmitted: true,
})
const unbound = (audioId = 'audio') => pendingTask({ id: newTaskId(), audioId, providerTaskId: null, charge: 'MAYBE' })

describe.skipIf(postgres === null || !hasPgBouncer).each([
  ['refuses startup parameters', ''],
  ['ignores startup parameters', ignored],
])('a PgBouncer in transaction mode that %s', (_how, settings) => {
  test('serves two gateways that share an order for a track and its callback', async () => {
    const provider = await startPlayedProvider()
    const DATABASE_URL = await startPgBouncer(await newPostgresDatabase(), settings)
    const environment = { ...provider.environment, DATABASE_URL, SUBMIT_TIMEOUT_SECONDS: '5' }
    const [one, other] = [await startGateway(environment), await startGateway(environment)]
    const ids = await Promise.all(Array.from({ length: 60 }, (_, index) => order(index % 2 === 0 ? one : other)))
    expect(new Set(ids).size).toBe(1)
    expect(provider.orders).toHaveLength(1)
    const { callBackUrl } = (await provider.order(0)).body
    provider.answerRead(recordOfSuccess('provider-task-1', { callbackUrl: callBackUrl }))
    expect(await provider.callBack(callBackUrl, callbackOfSuccess('provider-task-1'))).toBe(200)
    const statusAtOther = async () =>
      (await other.send(ReadDocument, { taskId: ids[0] ?? '' })).data?.separation?.status
    await expect.poll(statusAtOther, { timeout: 15_000 }).toBe('SUCCESS')
  })

  test('limits the wait for a lock, in a transaction and outside of one', async () => {
    const direct = await newPostgresDatabase()
    const store = await open(await startPgBouncer(direct, settings))
    const task = unbound()
    await store.createOrder(orderOf(task))
    const locker = await connectTo(direct)
    await locker.query('begin; lock table tasks in access exclusive mode')
    const startedAt = performance.now()
    const refused = await Promise.allSettled([store.createOrder(orderOf(unbound('other'))), store.find([task.id])])
    expect(refused).toMatchObject(
      refused.map(() => ({ reason: { name: 'StoreUnavailableError', cause: { code: '55P03' } } })),
    )
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    const { rows } = await locker.query(
      "select query from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    )
    expect(rows).toEqual([])
    await locker.query('rollback')
    expect(await store.find([task.id])).toEqual([task])
  })

  test('limits how long a gateway that is suspended during an order blocks others', async () => {
    const url = await startPgBouncer(await newPostgresDatabase(), settings)
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
        timeout: 20_000,
      })
      .toEqual({ kind: 'new', task: second })
    proxy.heal()
    // When it resumes, its order is not created: it joins the other one or fails with StoreUnavailableError.
    expect(await interrupted).not.toMatchObject({ kind: 'new' })
    expect(await store.find([first.id])).toEqual([])
  })
})
