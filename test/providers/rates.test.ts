import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@redis/client'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Rates, Slot } from '../../src/providers/client/rates.ts'
import { createInProcessRates, type RatesOptions } from '../../src/coordination/in-process-rates.ts'
import { createRedisRateCounter } from '../../src/coordination/redis-rate-counter.ts'
import { createSharedRates } from '../../src/coordination/shared-rates.ts'
import type { RedisConnection } from '../../src/coordination/redis-connection.ts'
import { newMigratedDatabase, openStoreOf } from '../support/database.ts'
import { openTestRedis, quickTimings } from '../support/redis-gateways.ts'
import { findPostgres, findRedis, startOwnRedis } from '../support/services.ts'
import { startSwallowingProxy } from '../support/swallowing-proxy.ts'

/** Opens the rates of one or several gateways. */
type OpenRates = (options: RatesOptions) => Promise<readonly [Rates, ...Rates[]]>

const redisUrl = await findRedis()
const hasPostgres = (await findPostgres()) !== null

async function openRedisRates(url: string, options: RatesOptions, deployment: string, timings = {}) {
  const opened = await openTestRedis(url, timings)
  return {
    ...opened,
    rates: createSharedRates({ ...options, counters: [createRedisRateCounter({ ...opened, deployment })] }),
  }
}

async function openThree(url: string, options: RatesOptions, deployment = randomUUID()) {
  const open = async () => (await openRedisRates(url, options, deployment)).rates
  return [await open(), await open(), await open()] as const
}

/** Opens what three gateways without Redis open on one database. */
async function openThreeOnPostgres(options: RatesOptions) {
  const environment = { DATABASE_URL: await newMigratedDatabase() }
  const open = async () => {
    const { rateCounter } = await openStoreOf({ environment })
    if (rateCounter === null) throw new Error('PostgreSQL counts no rates.')
    return createSharedRates({ ...options, counters: [rateCounter] })
  }
  return [await open(), await open(), await open()] as const
}

/** With how much longer windows each is tested: the first questions to PostgreSQL open its connections. */
const all: readonly (readonly [string, OpenRates, number])[] = [
  ['of one gateway', async (options) => [createInProcessRates(options)], 1],
  ...(redisUrl === null
    ? []
    : [['of three gateways on one Redis', (options: RatesOptions) => openThree(redisUrl, options), 1] as const]),
  ...(hasPostgres ? [['of three gateways on one PostgreSQL', openThreeOnPostgres, 10] as const] : []),
]

const given: RatesOptions = { submitsPer10Seconds: () => 5, readsPerSecond: () => 50, windowMs: 400 }

function ordersOf(rates: readonly [Rates, ...Rates[]]) {
  const orders = rates.map((each) => each.of('kie').orders)
  return { first: orders[0] ?? missing(), last: orders.at(-1) ?? missing(), orders }
}

function missing(): never {
  throw new Error('There is no gateway.')
}

function freeInMs(createOrder: Slot): number {
  if (createOrder.kind === 'acquired') throw new Error('There was a slot.')
  return createOrder.freeInMs
}

async function kinds(places: readonly Promise<Slot>[]): Promise<readonly string[]> {
  return (await Promise.all(places)).map(({ kind }) => kind)
}

describe.each(all)('the rates %s', (_name, open, slowness) => {
  test('admit no more orders than the limit in any window, and hardly fewer', async () => {
    const windowMs = 400
    const { orders } = ordersOf(await open({ ...given, windowMs }))
    const startedAt = performance.now()
    const acquired: { beforeMs: number; afterMs: number }[] = []
    const order = async (rate: (typeof orders)[number]) => {
      while (performance.now() < startedAt + 5 * windowMs) {
        const beforeMs = performance.now()
        const createOrder = await rate.acquire('caller')
        if (createOrder.kind === 'acquired') acquired.push({ beforeMs, afterMs: performance.now() })
        await sleep(Math.random() * 20)
      }
    }
    await Promise.all(orders.flatMap((rate) => [order(rate), order(rate), order(rate), order(rate)]))

    const inOrder = acquired.toSorted((a, b) => a.afterMs - b.afterMs)
    for (let last = 5; last < inOrder.length; last += 1) {
      const six = inOrder.slice(last - 5, last + 1)
      const spanMs = Math.max(...six.map((each) => each.afterMs)) - Math.min(...six.map((each) => each.beforeMs))
      expect(spanMs).toBeGreaterThan(windowMs - 1)
    }
    expect(inOrder.length).toBeGreaterThanOrEqual(15)
  })

  test('can be replaced while orders and reads go on', async () => {
    let [submits, readsPerSecond] = [1, 1]
    const rates = await open({
      submitsPer10Seconds: () => submits,
      readsPerSecond: () => readsPerSecond,
      windowMs: 60_000,
    })
    const { orders, reads } = rates[0].of('kie')
    expect(await kinds([1, 2].map(() => orders.acquire('caller')))).toEqual(['acquired', 'full'])
    submits = 3
    expect(orders.limit()).toBe(3)
    expect(await kinds([1, 2, 3].map(() => orders.acquire('caller')))).toEqual(['acquired', 'acquired', 'full'])
    submits = 2
    expect(await kinds([orders.acquire('caller')])).toEqual(['full'])
    readsPerSecond = 1_000
    const startedAt = performance.now()
    for (let read = 0; read < 20; read += 1) await reads.acquire()
    // At 1 a second, the last of them would wait for 19 s.
    expect(performance.now() - startedAt).toBeLessThan(10_000)
  })

  test('say when a slot is free, and it is', async () => {
    const windowMs = 300 * slowness
    const { first, last } = ordersOf(await open({ ...given, submitsPer10Seconds: () => 2, windowMs }))
    const beforeMs = performance.now()
    await first.acquire('caller')
    const afterMs = performance.now()
    await sleep(100 * slowness)
    await first.acquire('caller')
    const askedMs = performance.now()
    const betweenMs = askedMs - beforeMs
    const freeMs = freeInMs(await last.acquire('caller'))
    for (const each of [freeMs, freeInMs(await first.acquire('caller'))]) {
      expect(each).toBeGreaterThan(windowMs - (performance.now() - beforeMs) - 2)
      expect(each).toBeLessThanOrEqual(windowMs - (askedMs - afterMs) + 2)
    }
    await sleep(freeMs + 1)
    expect(await kinds([last.acquire('caller')])).toEqual(['acquired'])
    expect(freeInMs(await last.acquire('caller'))).toBeLessThan(betweenMs + 2)
  })

  test('do not count an order without a slot', async () => {
    const { orders, first, last } = ordersOf(await open({ ...given, windowMs: 800 * slowness }))
    expect(await kinds(Array.from({ length: 5 }, () => first.acquire('caller')))).toEqual(
      Array.from({ length: 5 }, () => 'acquired'),
    )
    const refused = await Promise.all(
      orders.flatMap((rate) => Array.from({ length: 20 }, () => rate.acquire('caller'))),
    )
    expect(refused.every(({ kind }) => kind === 'full')).toBe(true)
    // The slots were taken one after the other.
    await sleep(freeInMs(await last.acquire('caller')) + 100 * slowness)
    expect(await kinds(Array.from({ length: 6 }, () => last.acquire('caller')))).toEqual([
      ...Array.from({ length: 5 }, () => 'acquired'),
      'full',
    ])
  })

  test('have exactly one more slot when one is released', async () => {
    const { first, last } = ordersOf(await open({ ...given, submitsPer10Seconds: () => 3, windowMs: 60_000 }))
    const acquired = [await first.acquire('caller'), await first.acquire('caller'), await first.acquire('caller')]
    const release = (index: number) => {
      const createOrder = acquired[index]
      if (createOrder?.kind === 'acquired') createOrder.release()
    }
    expect(await kinds(Array.from({ length: 4 }, () => last.acquire('caller')))).toEqual([
      'full',
      'full',
      'full',
      'full',
    ])
    release(1)
    release(1)
    await expect.poll(() => kinds([last.acquire('caller')]), { interval: 5 }).toEqual(['acquired'])
    expect(await kinds([first.acquire('caller'), last.acquire('caller')])).toEqual(['full', 'full'])
    release(0)
    await expect.poll(() => kinds([first.acquire('caller')]), { interval: 5 }).toEqual(['acquired'])
    expect(await kinds([first.acquire('caller'), last.acquire('caller')])).toEqual(['full', 'full'])
  })

  test('give a lone caller all slots, and no caller more than half while another waits', async () => {
    const windowMs = 500 * slowness
    const { first, last } = ordersOf(await open({ ...given, submitsPer10Seconds: () => 4, windowMs }))
    for (let acquired = 0; acquired < 4; acquired += 1)
      expect(await first.acquire('greedy')).toMatchObject({ kind: 'acquired' })
    expect(await last.acquire('late')).toMatchObject({ kind: 'full', isFull: true, isShareUsed: false })
    expect(await first.acquire('greedy')).toMatchObject({ kind: 'full' })
    // All four slots are free again, and the late caller has not returned yet.
    await sleep(windowMs + 5)
    const greedy = await kinds([
      first.acquire('greedy'),
      last.acquire('greedy'),
      first.acquire('greedy'),
      last.acquire('greedy'),
    ])
    expect(greedy.toSorted()).toEqual(['acquired', 'acquired', 'full', 'full'])
    expect(await first.acquire('greedy')).toMatchObject({ isFull: false, isShareUsed: true })
    const late = await kinds([last.acquire('late'), first.acquire('late'), last.acquire('late')])
    expect(late.toSorted()).toEqual(['acquired', 'acquired', 'full'])
  })

  test('give a caller more than half when no other caller waits any more', async () => {
    const windowMs = 200
    const { first, last } = ordersOf(await open({ ...given, submitsPer10Seconds: () => 2, windowMs }))
    const takeAll = async () => kinds([first.acquire('busy'), last.acquire('busy')])
    expect(await takeAll()).toEqual(['acquired', 'acquired'])
    // It never returns.
    await last.acquire('gone')
    await expect.poll(takeAll, { interval: windowMs, timeout: 15_000 }).toEqual(['acquired', 'acquired'])
  })

  test('keep free slots for waiting orders, and tell a later order when its own slot is free', async () => {
    const windowMs = 60_000
    const { first } = ordersOf(await open({ ...given, submitsPer10Seconds: () => 3, windowMs }))
    expect(await first.acquire('a', { all: 3, own: 0 })).toMatchObject({ kind: 'full' })
    expect(await first.acquire('a', { all: 2, own: 0 })).toMatchObject({ kind: 'acquired' })
    await sleep(30)
    expect(await kinds([first.acquire('a'), first.acquire('a')])).toEqual(['acquired', 'acquired'])
    const waits = [0, 1, 2, 3].map(async (ahead) => freeInMs(await first.acquire('a', { all: ahead, own: ahead })))
    const [next = 0, second = 0, third = 0, fourth = 0] = await Promise.all(waits)
    expect(next).toBeLessThan(windowMs - 25)
    expect(second).toBeGreaterThan(windowMs - 1_000)
    expect(third).toBeGreaterThan(windowMs - 1_000)
    expect(fourth).toBeGreaterThan(2 * windowMs - 1_000)
  })

  test('count an order from when it is sent', async () => {
    const windowMs = 400 * slowness
    const { first, last } = ordersOf(await open({ ...given, submitsPer10Seconds: () => 1, windowMs }))
    const slot = await first.acquire('caller')
    if (slot.kind === 'full') throw new Error('There was no slot.')
    await sleep(windowMs / 2)
    const beforeMs = performance.now()
    slot.sent()
    await expect.poll(async () => freeInMs(await last.acquire('caller')), { interval: 5 }).toBeGreaterThan(windowMs / 2)
    await expect
      .poll(() => kinds([last.acquire('caller')]), { interval: 5, timeout: 3 * windowMs })
      .toEqual(['acquired'])
    expect(performance.now() - beforeMs).toBeGreaterThan(windowMs - 2)
  })

  test('are separate for each provider', async () => {
    const [rates] = await open({ ...given, submitsPer10Seconds: () => 1, windowMs: 60_000 })
    const [kie, apikley] = [rates.of('kie').orders, rates.of('apikley').orders]
    expect(await kinds([kie.acquire('caller'), apikley.acquire('caller')])).toEqual(['acquired', 'acquired'])
    expect(await kinds([kie.acquire('caller'), apikley.acquire('caller')])).toEqual(['full', 'full'])
  })

  test('admit reads one by one, at their rate', async () => {
    const rates = await open(given)
    const turns: number[] = []
    const paces = rates.map((each) => each.of('kie').reads)
    const startedAt = performance.now()
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        await paces[index % paces.length]?.acquire()
        turns.push(performance.now() - startedAt)
      }),
    )
    expect(turns).toHaveLength(30)
    // One every 20 ms, with clocks that count whole milliseconds.
    expect(turns.filter((turnMs, index) => turnMs < index * 19 - 1)).toEqual([])
    expect(turns.at(-1)).toBeLessThan(29 * 20 * 3)
  })

  test('admit thousands of reads a second, in bursts of 20 ms', async () => {
    const rates = await open({ ...given, readsPerSecond: () => 5_000 })
    const paces = rates.map((each) => each.of('kie').reads)
    const turns: number[] = []
    const startedAt = performance.now()
    await Promise.all(
      Array.from({ length: 1_000 }, async (_, index) => {
        await paces[index % paces.length]?.acquire()
        turns.push(performance.now() - startedAt)
      }),
    )
    // 100 at once, and the next 100 after 20 ms. Each gateway may have taken a turn for its first read alone.
    const burstOf = (index: number) => Math.floor((index - rates.length) / 100)
    expect(turns.filter((turnMs, index) => turnMs < burstOf(index) * 19 - 1)).toEqual([])
  })

  test('delay no read when the gateway stops', async () => {
    const rates = await open({ ...given, readsPerSecond: () => 4 })
    const reads = rates[0].of('kie').reads
    const waiting = Promise.all(Array.from({ length: 100 }, () => reads.acquire()))
    await sleep(10)
    const startedAt = performance.now()
    reads.stop()
    await waiting
    await reads.acquire()
    expect(performance.now() - startedAt).toBeLessThan(500)
  })
})

describe.skipIf(redisUrl === null)('the rates on Redis', () => {
  const url = redisUrl ?? ''

  test('leave only expiring keys, and are separate for each deployment', async () => {
    const deployment = randomUUID()
    const ours = await openRedisRates(url, { ...given, readsPerSecond: () => 1, windowMs: 1_000 }, deployment)
    const theirs = await openRedisRates(url, { ...given, windowMs: 1_000 }, randomUUID())
    const { orders, reads } = ours.rates.of('kie')
    await Promise.all(Array.from({ length: 50 }, () => orders.acquire('caller')))
    await reads.acquire()
    const keys = () => ours.redis.run((client) => client.keys(`stemgate:${deployment}:*`))
    const callerId = createHash('sha256').update('caller').digest('base64url')
    expect((await keys()).toSorted()).toEqual(
      ['orders:kie', `orders:kie:of:${callerId}`, 'orders:kie:waiting', 'reads:kie'].map(
        (key) => `stemgate:${deployment}:${key}`,
      ),
    )
    expect(await ours.redis.run((client) => client.zCard(`stemgate:${deployment}:orders:kie`))).toBe(5)
    expect(await kinds([theirs.rates.of('kie').orders.acquire('caller')])).toEqual(['acquired'])
    await expect.poll(keys, { timeout: 5_000 }).toEqual([])
  })

  test('acquire the slots of all waiting reads in one command', async () => {
    const opened = await openTestRedis(url)
    let questions = 0
    const redis: RedisConnection = {
      ...opened.redis,
      run(command) {
        questions += 1
        return opened.redis.run(command)
      },
    }
    const counter = createRedisRateCounter({ redis, deployment: randomUUID() })
    const rates = createSharedRates({ ...given, readsPerSecond: () => 5_000, counters: [counter] })
    const { reads } = rates.of('kie')
    await Promise.all(Array.from({ length: 500 }, () => reads.acquire()))
    expect(questions).toBeLessThan(50)
  })

  test('hold although a clock that was set back left later times', async () => {
    const deployment = randomUUID()
    const { redis, rates } = await openRedisRates(url, given, deployment)
    const key = `stemgate:${deployment}:orders:kie`
    const hourLater = (Date.now() + 3_600_000) * 1_000
    const left = Array.from({ length: 5 }, (_, index) => ({ score: hourLater + index, value: `left-${index}` }))
    await redis.run((client) => client.zAdd(key, left))
    expect(await kinds([rates.of('kie').orders.acquire('caller')])).toEqual(['acquired'])
    expect(await redis.run((client) => client.zCard(key))).toBe(1)
    await redis.run((client) => client.zAdd(`${key}:waiting`, { score: hourLater, value: 'somebody' }))
    const orders = Array.from({ length: 4 }, () => rates.of('kie').orders.acquire('caller'))
    expect(await kinds(orders)).toEqual(['acquired', 'acquired', 'acquired', 'acquired'])
  })

  test('are counted by each gateway alone while Redis is unavailable, and shared again afterwards', async () => {
    const own = await startOwnRedis()
    const deployment = randomUUID()
    const options = { ...given, windowMs: 60_000 }
    const here = await openRedisRates(own.url, options, deployment)
    const there = await openRedisRates(own.url, options, deployment)
    const [ours, theirs] = [here.rates.of('kie'), there.rates.of('kie')]
    expect(
      await kinds([ours.orders.acquire('caller'), ours.orders.acquire('caller'), theirs.orders.acquire('caller')]),
    ).toEqual(['acquired', 'acquired', 'acquired'])
    await own.stop()
    await expect.poll(() => here.logged.length + there.logged.length).toBeGreaterThanOrEqual(2)
    const startedAt = performance.now()
    expect(await kinds(Array.from({ length: 4 }, () => ours.orders.acquire('caller')))).toEqual([
      'acquired',
      'acquired',
      'acquired',
      'full',
    ])
    await ours.reads.acquire()
    await ours.reads.acquire()
    expect(performance.now() - startedAt).toBeLessThan(280)

    await own.restart()
    const canAsk = async () => [await here.redis.run((c) => c.ping()), await there.redis.run((c) => c.ping())]
    await expect.poll(() => canAsk().catch(String), { timeout: 5_000 }).toEqual(['PONG', 'PONG'])
    const third = await openRedisRates(own.url, options, deployment)
    expect(await kinds(Array.from({ length: 3 }, () => theirs.orders.acquire('caller')))).toEqual([
      'acquired',
      'acquired',
      'acquired',
    ])
    expect(await kinds(Array.from({ length: 3 }, () => third.rates.of('kie').orders.acquire('caller')))).toEqual([
      'acquired',
      'acquired',
      'full',
    ])
  })

  test('send one command, not one for each order, while Redis does not answer', async () => {
    const proxy = await startSwallowingProxy(Number(new URL(url).port || 6379))
    const options = { ...given, windowMs: 60_000 }
    const { rates } = await openRedisRates(`redis://127.0.0.1:${proxy.port}`, options, randomUUID(), quickTimings)
    const { orders, reads } = rates.of('kie')
    await orders.acquire('caller')
    proxy.swallow()
    const startedAt = performance.now()
    expect(await kinds([orders.acquire('caller')])).toEqual(['acquired'])
    expect(performance.now() - startedAt).toBeGreaterThan(250)
    const askedAt = performance.now()
    expect(await kinds([orders.acquire('caller')])).toEqual(['acquired'])
    await reads.acquire()
    expect(performance.now() - askedAt).toBeLessThan(200)
  })

  test('are counted by each gateway alone if Redis refuses commands, which is logged once', async () => {
    const deployment = randomUUID()
    const { redis, rates, logged } = await openRedisRates(url, { ...given, windowMs: 60_000 }, deployment)
    const operator = createClient({ url, RESP: 2 })
    await operator.connect()
    onTestFinished(async () => {
      await operator.del(`stemgate:${deployment}:orders:kie`)
      operator.destroy()
    })
    await redis.run((client) => client.set(`stemgate:${deployment}:orders:kie`, 'something else'))
    const { orders } = rates.of('kie')
    expect(await kinds(Array.from({ length: 6 }, () => orders.acquire('caller')))).toEqual([
      ...Array.from({ length: 5 }, () => 'acquired'),
      'full',
    ])
    expect(logged.filter((line) => line.startsWith('warn'))).toEqual([expect.stringContaining('WRONGTYPE')])
  })
})
