import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@redis/client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { changeMessage, parseChangeMessage } from '../../src/coordination/change-message.ts'
import { createInProcessChanges } from '../../src/coordination/in-process-changes.ts'
import { createRedisChanges, type RedisChanges } from '../../src/coordination/redis-changes.ts'
import { openTestRedis, quickTimings, type TestRedis } from '../support/redis-gateways.ts'
import { findRedis, startOwnRedis } from '../support/services.ts'
import { startSwallowingProxy } from '../support/swallowing-proxy.ts'
import type { Changes } from '../../src/separation/changes.ts'

type Counted = Changes & { size(): number }

const redisUrl = await findRedis()

/** Counts the calls of a listener of the task. */
function listen(changes: Changes, taskId: string) {
  const heard = { times: 0, leave: () => {} }
  heard.leave = changes.listen(taskId, () => (heard.times += 1))
  return heard
}

/** Resolves when a change published here has arrived there, and so have all changes published before it. */
async function passedOn(here: Changes, there: Changes): Promise<void> {
  const marker = `marker-${randomUUID()}`
  const heard = listen(there, marker)
  here.publish(marker)
  await expect.poll(() => heard.times, { interval: 5, timeout: 5_000 }).toBeGreaterThan(0)
  heard.leave()
}

async function openGateway(
  url: string,
  deployment = 'test',
  timings = {},
): Promise<TestRedis & { changes: RedisChanges }> {
  const opened = await openTestRedis(url, timings)
  return { ...opened, changes: createRedisChanges({ ...opened, deployment }) }
}

/** Two gateways that receive each other's changes. */
async function openTwo(url: string, deployment: string = randomUUID()) {
  const here = await openGateway(url, deployment)
  const there = await openGateway(url, deployment)
  await passedOn(here.changes, there.changes)
  await passedOn(there.changes, here.changes)
  return { here, there }
}

const inProcess = async () => {
  const changes = createInProcessChanges()
  return { here: changes, there: changes }
}
const hubs: readonly (readonly [string, () => Promise<{ readonly here: Counted; readonly there: Counted }>])[] = [
  ['in one process', inProcess],
  ...(redisUrl === null
    ? []
    : [
        [
          'in two gateways on one Redis',
          async () => {
            const { here, there } = await openTwo(redisUrl)
            return { here: here.changes, there: there.changes }
          },
        ] as const,
      ]),
]

describe.each(hubs)('changes %s', (_name, openHubs) => {
  test('call every listener of the task once, wherever they are published', async () => {
    const { here, there } = await openHubs()
    const [asked, other] = [listen(there, 'task'), listen(there, 'other')]
    const own = listen(here, 'task')
    here.publish('task')
    expect(own.times).toBe(1)
    await passedOn(here, there)
    await passedOn(there, here)
    expect([asked.times, other.times, own.times]).toEqual([1, 0, 1])
  })

  test('call no listener that was removed, and leave nothing behind', async () => {
    const { here, there } = await openHubs()
    const [left, stayed] = [listen(there, 'task'), listen(there, 'task')]
    expect(there.size()).toBe(2)
    left.leave()
    left.leave()
    here.publish('task')
    await passedOn(here, there)
    expect([left.times, stayed.times]).toEqual([0, 1])
    stayed.leave()
    expect(there.size()).toBe(0)
  })

  test('call the listeners of the owner with the task, and those of every owner if the owner is not known', async () => {
    const { here, there } = await openHubs()
    const heard: string[] = []
    for (const owner of ['key:zoë', 'jwt:https://issuer.example|user 1', '']) {
      onTestFinished(there.listenToOwner(owner, (taskId) => heard.push(`${owner} ${taskId}`)))
    }
    const task = listen(there, 'task-1')
    here.publish('task-1', 'key:zoë')
    here.publish('task-2', 'jwt:https://issuer.example|user 1')
    here.publish('task-3', '')
    here.publish('task-4', 'key:nobody')
    here.publish('task-5')
    await passedOn(here, there)
    expect(task.times).toBe(1)
    const ofMarker = heard.filter((each) => each.includes('marker'))
    expect(heard.filter((each) => !ofMarker.includes(each))).toEqual([
      'key:zoë task-1',
      'jwt:https://issuer.example|user 1 task-2',
      ' task-3',
      'key:zoë task-5',
      'jwt:https://issuer.example|user 1 task-5',
      ' task-5',
    ])
  })

  test('call no listener of an owner that was removed, and leave nothing behind', async () => {
    const { here, there } = await openHubs()
    let times = 0
    const leave = there.listenToOwner('owner', () => (times += 1))
    expect(there.size()).toBe(1)
    leave()
    leave()
    here.publish('task', 'owner')
    await passedOn(here, there)
    expect([times, there.size()]).toEqual([0, 0])
  })

  test('call hundreds of listeners while others are added and removed', async () => {
    const { here, there } = await openHubs()
    const tasks = Array.from({ length: 300 }, (_, index) => `task-${index}`)
    const heard = tasks.flatMap((taskId) => [listen(there, taskId), listen(there, taskId)])
    let came = 0
    const leave = there.listen('task-0', () => {
      leave()
      there.listen('task-0', () => (came += 1))
    })
    for (const taskId of tasks) here.publish(taskId)
    await passedOn(here, there)
    expect(heard.filter(({ times }) => times === 1)).toHaveLength(600)
    expect(came).toBe(0)
    expect(there.size()).toBe(601)
  })
})

test('notifyAll calls the listeners of every task and owner', () => {
  const changes = createInProcessChanges()
  const owners: (string | null)[] = []
  for (const owner of ['anna', 'ben']) changes.listenToOwner(owner, (taskId) => owners.push(taskId))
  const heard = ['a', 'a', 'b'].map((taskId) => listen(changes, taskId))
  const again = () => {
    leave()
    leave = changes.listen('again', again)
  }
  let leave = changes.listen('again', again)
  changes.notifyAll()
  expect(heard.map(({ times }) => times)).toEqual([1, 1, 1])
  expect(owners).toEqual([null, null])
})

test('a gateway of an earlier version understands a change that names its owner', () => {
  const from = randomUUID()
  for (const owner of [undefined, '', 'key:web', 'jwt:https://issuer.example|zoë', '_-_']) {
    const message = changeMessage({ from, taskId: 'sep_1', owner })
    // How earlier versions read it.
    const [, sender, taskId] = /^([\w-]+) ([\w-]+|\*)$/.exec(message) ?? []
    expect([sender?.startsWith(from), taskId]).toEqual([true, 'sep_1'])
    expect(parseChangeMessage(message)).toEqual({ from, taskId: 'sep_1', owner })
  }
  expect(parseChangeMessage(`${from} sep_1`)).toEqual({ from, taskId: 'sep_1', owner: undefined })
})

describe.skipIf(redisUrl === null)('changes over Redis', () => {
  const url = redisUrl ?? ''

  test('of another deployment call no listener', async () => {
    const ours = await openTwo(url)
    const theirs = await openTwo(url)
    const heard = listen(theirs.there.changes, 'task')
    ours.here.changes.publish('task')
    await passedOn(ours.here.changes, ours.there.changes)
    await passedOn(theirs.here.changes, theirs.there.changes)
    expect(heard.times).toBe(0)
  })

  test('that cannot be parsed call no listener', async () => {
    const deployment = randomUUID()
    const { here, there } = await openTwo(url, deployment)
    const heard = listen(there.changes, 'task')
    for (const message of ['', 'task', ' task', 'gateway task more', 'gateway\ntask', '{"task":1}', 'x'.repeat(1e6)]) {
      await here.redis.run((client) => client.publish(`stemgate:${deployment}:changes`, message))
    }
    await passedOn(here.changes, there.changes)
    expect(heard.times).toBe(0)
  })

  test('of an earlier version, which names no owner, call the listeners of every owner', async () => {
    const deployment = randomUUID()
    const { here, there } = await openTwo(url, deployment)
    const heard: (string | null)[] = []
    there.changes.listenToOwner('anna', (taskId) => heard.push(taskId))
    await here.redis.run((client) => client.publish(`stemgate:${deployment}:changes`, `${randomUUID()} sep_1`))
    await expect.poll(() => heard).toEqual(['sep_1'])
  })

  test('call the listeners of every owner after Redis restarts', async () => {
    const own = await startOwnRedis()
    const { there } = await openTwo(own.url)
    const heard: (string | null)[] = []
    await own.stop()
    await expect.poll(() => there.logged.some((line) => line.startsWith('warn'))).toBe(true)
    there.changes.listenToOwner('anna', (taskId) => heard.push(taskId))
    await own.restart()
    await expect.poll(() => heard.includes(null), { interval: 5, timeout: 5_000 }).toBe(true)
  })

  test('arrive again after Redis restarts, and every listener is called, because it may have missed one', async () => {
    const own = await startOwnRedis()
    const { here, there } = await openTwo(own.url)
    const heard = Array.from({ length: 300 }, (_, index) => listen(there.changes, `task-${index}`))
    await own.stop()
    await expect.poll(() => there.logged.some((line) => line.startsWith('warn'))).toBe(true)
    const missed = listen(there.changes, 'missed')
    here.changes.publish('missed')
    expect(missed.times).toBe(0)

    await own.restart()
    const restartedAt = performance.now()
    await expect.poll(() => heard.every(({ times }) => times > 0), { interval: 5, timeout: 5_000 }).toBe(true)
    await passedOn(here.changes, there.changes)
    await passedOn(there.changes, here.changes)
    expect(performance.now() - restartedAt).toBeLessThan(5_000)
    for (const { logged } of [here, there]) {
      const loud = () => logged.filter((line) => !line.startsWith('debug')).map((line) => line.split(' ')[0])
      await expect.poll(loud).toEqual(['warn', 'info'])
    }
  })

  test('arrive again after Redis closes every connection', async () => {
    const own = await startOwnRedis()
    const { here, there } = await openTwo(own.url)
    const heard = listen(there.changes, 'task')
    const operator = createClient({ url: own.url, RESP: 2 })
    await operator.connect()
    onTestFinished(() => operator.destroy())
    for (const type of ['NORMAL', 'PUBSUB']) {
      await operator.sendCommand(['CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'])
    }
    await expect.poll(() => heard.times, { interval: 5, timeout: 5_000 }).toBeGreaterThan(0)
    await passedOn(here.changes, there.changes)
    await passedOn(there.changes, here.changes)
  })

  test('arrive again after a proxy dropped everything', async () => {
    const deployment = randomUUID()
    const proxy = await startSwallowingProxy(Number(new URL(url).port || 6379))
    const here = await openGateway(url, deployment)
    const there = await openGateway(`redis://127.0.0.1:${proxy.port}`, deployment, quickTimings)
    await passedOn(here.changes, there.changes)
    const heard = listen(there.changes, 'task')
    proxy.swallow()
    await expect.poll(() => there.logged.some((line) => line.startsWith('warn')), { timeout: 5_000 }).toBe(true)
    here.changes.publish('task')
    proxy.heal()
    await expect.poll(() => heard.times, { timeout: 5_000 }).toBeGreaterThan(0)
    await passedOn(here.changes, there.changes)
    await passedOn(there.changes, here.changes)
  })

  test('that could not be published are published when Redis is back, also to gateways that never lost it', async () => {
    const deployment = randomUUID()
    const proxy = await startSwallowingProxy(Number(new URL(url).port || 6379))
    const here = await openGateway(`redis://127.0.0.1:${proxy.port}`, deployment, quickTimings)
    const there = await openGateway(url, deployment)
    await passedOn(here.changes, there.changes)
    const [few, other] = [listen(there.changes, 'task'), listen(there.changes, 'other')]
    proxy.swallow()
    here.changes.publish('task')
    await expect.poll(() => here.logged.some((line) => line.includes('could not be published'))).toBe(true)
    proxy.heal()
    await expect.poll(() => few.times, { timeout: 5_000 }).toBeGreaterThan(0)
    expect(other.times).toBe(0)

    proxy.swallow()
    for (let each = 0; each < 2_000; each += 1) here.changes.publish(`task-${each}`)
    await expect.poll(() => here.logged.some((line) => line.includes('"task-1999"'))).toBe(true)
    proxy.heal()
    await expect.poll(() => other.times, { timeout: 5_000 }).toBeGreaterThan(0)
  })

  test('reach other gateways although Redis was unavailable at the start', async () => {
    const own = await startOwnRedis()
    await own.stop()
    const startedAt = performance.now()
    const [here, there] = await Promise.all([openGateway(own.url), openGateway(own.url)])
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    expect(here.logged.filter((line) => line.startsWith('warn'))).toHaveLength(1)
    const heard = listen(here.changes, 'task')
    here.changes.publish('task')
    expect(heard.times).toBe(1)
    await own.restart()
    await passedOn(here.changes, there.changes)
    await passedOn(there.changes, here.changes)
  })

  test('that are published just before the gateway closes reach the others', async () => {
    const { here, there } = await openTwo(url)
    const heard = listen(there.changes, 'task')
    here.changes.publish('task')
    await here.redis.close()
    await expect.poll(() => heard.times).toBe(1)
  })
})

describe.skipIf(redisUrl === null)('a connection to Redis', () => {
  const url = redisUrl ?? ''

  test.each(['swallows everything', 'swallows everything from the start', 'refuses'] as const)(
    'closes quickly if a proxy %s, and does not reconnect',
    async (how) => {
      const proxy = await startSwallowingProxy(how === 'refuses' ? 1 : Number(new URL(url).port || 6379))
      if (how === 'swallows everything from the start') proxy.swallow()
      const { redis, logged } = await openTestRedis(`redis://127.0.0.1:${proxy.port}`, { openMs: 300 })
      proxy.swallow()
      const asked = redis.run((client) => client.ping()).catch(String)
      const startedAt = performance.now()
      await redis.close()
      await redis.close()
      expect(performance.now() - startedAt).toBeLessThan(1_000)
      expect(await asked).toMatch(/^Error: Redis/)
      await expect(redis.run((client) => client.ping())).rejects.toThrow('Redis is unavailable')
      expect(logged.filter((line) => line.startsWith('warn'))).toHaveLength(how === 'swallows everything' ? 0 : 1)
    },
  )

  test('that does not answer gets one command, and the next when it answers again', async () => {
    const proxy = await startSwallowingProxy(Number(new URL(url).port || 6379))
    const { redis } = await openTestRedis(`redis://127.0.0.1:${proxy.port}`, quickTimings)
    let backs = 0
    redis.onAvailable(() => (backs += 1))
    proxy.swallow()
    await expect(redis.run((client) => client.ping())).rejects.toThrow('did not answer')
    const startedAt = performance.now()
    await expect(redis.run((client) => client.ping())).rejects.toThrow('Redis is unavailable')
    expect(performance.now() - startedAt).toBeLessThan(200)
    proxy.heal()
    await expect.poll(() => backs, { timeout: 5_000 }).toBe(1)
    expect(await redis.run((client) => client.ping())).toBe('PONG')
  })

  test('without traffic is not replaced', async () => {
    const { redis, logged } = await openTestRedis(url, quickTimings)
    let backs = 0
    let subscribed = 0
    redis.onAvailable(() => (backs += 1))
    redis.subscribe(
      randomUUID(),
      () => {},
      () => (subscribed += 1),
    )
    await sleep(3 * quickTimings.silentMs)
    expect([backs, subscribed, logged]).toEqual([0, 1, []])
  })

  test('is unavailable only while Redis is slow', async () => {
    const own = await startOwnRedis()
    const { redis, logged } = await openTestRedis(own.url, { answerMs: 100, pingMs: 60_000, silentMs: 60_000 })
    const operator = createClient({ url: own.url, RESP: 2 })
    await operator.connect()
    onTestFinished(() => operator.destroy())
    const back = new Promise<void>((resolve) => redis.onAvailable(resolve))
    await operator.sendCommand(['CLIENT', 'PAUSE', '500', 'ALL'])
    await expect(redis.run((client) => client.sendCommand(['PING', 'late']))).rejects.toThrow('did not answer')
    await back
    await expect.poll(() => redis.run((client) => client.ping()).catch(String)).toBe('PONG')
    expect(logged.filter((line) => line.startsWith('warn'))).toEqual([])
  })

  test('with a wrong password is logged, without the password', async () => {
    const { hostname, port } = new URL(url)
    const { logged } = await openTestRedis(`redis://user:hunter2@${hostname}:${port || 6379}`, { openMs: 300 })
    expect(logged.filter((line) => line.startsWith('warn'))).toHaveLength(1)
    expect(logged.join('\n')).toMatch(/WRONGPASS/)
    expect(logged.join('\n')).not.toContain('hunter2')
  })
})
