import { withEndings } from '../../faults/endings.ts'
import { latencyOf } from '../latency.ts'
import { callbackRequest } from '../load/callback-requests.ts'
import { measureCommitRate } from '../load/commit-rate.ts'
import { createHttpLoad } from '../load/http-load.ts'
import { startInstantProvider } from '../load/instant-provider.ts'
import { maxOpenFiles } from '../load/open-files.ts'
import { sendPaced } from '../load/paced-requests.ts'
import { pendingTasks, seedTasks } from '../load/seed-tasks.ts'
import { openWatchingCrowd, type WatchingCrowd } from '../load/watching-crowd.ts'
import type { Goal, Result } from '../report/result.ts'
import { sqliteUrl, startBenchGateway } from '../servers/bench-gateway.ts'
import { startServer } from '../servers/server-process.ts'
import type { Figure, Setting } from './figure.ts'

const sockets = 10_000
/** What a process opens beside them. */
const otherFiles = 1_000
/** Callbacks per second, one step after the other, until the target is missed. */
const rates = [100, 200, 300, 450, 700, 1_000, 1_500, 2_000]
const secondsPerRate = 3
/** Of each step, from the time at which a callback is due until its subscriber is told. */
const mostP99Ms = 100
/** The rate at which the latency itself is a result. */
const reportedRate = 300
/** At full load, so many callbacks in all, and so many at a time. */
const fullLoad = 4_000
const atATime = 64
/** A pass takes a minute or more, and measures thousands of callbacks. */
const roundsPerPass = 2

/** What one pass shows. */
interface Pass {
  readonly highestRate: number
  readonly p99Ms: number
  readonly acknowledgedPerSecond: number
  readonly settledPerSecond: number
  readonly peakMegabytes: number
  readonly reconnectSeconds: number
  readonly bareReconnectSeconds: number
  readonly commitsPerSecond: number
}

export const callbacks: Figure = {
  name: 'callbacks',
  about: '10,000 sockets watch a task each: callbacks at a rising rate and at full load, memory, and a restart',
  async measure(setting) {
    const files = await maxOpenFiles()
    if (files !== null && files < sockets + otherFiles) {
      setting.onProgress(
        `callbacks is left out: ${files} open files are too few. Raise ulimit -n above ${sockets + otherFiles}.`,
      )
      return []
    }
    const passes: Pass[] = []
    for (let nth = 0; nth < Math.ceil(setting.rounds / roundsPerPass); nth++) passes.push(await measurePass(setting))
    const result = (
      name: string,
      unit: string,
      better: 'more' | 'less',
      of: (pass: Pass) => number,
      goal: Goal | null,
      limit: { readonly name: string; readonly of: (pass: Pass) => number } | null = null,
    ): Result => ({
      name,
      unit,
      better,
      gateway: passes.map(of),
      limit: limit === null ? null : { name: limit.name, rounds: passes.map(limit.of) },
      peers: [],
      goal,
      notes: [],
    })
    const commits = { name: 'plain SQLite, insert and commit with fsync', of: (pass: Pass) => pass.commitsPerSecond }
    return [
      result(
        `highest rate with p99 < ${mostP99Ms} ms`,
        'callbacks/s',
        'more',
        ({ highestRate }) => highestRate,
        atLeast(reportedRate),
        commits,
      ),
      result(`p99 from callback to push at ${reportedRate}/s`, 'ms', 'less', ({ p99Ms }) => p99Ms, atMost(mostP99Ms)),
      result(
        'callbacks acknowledged',
        'callbacks/s',
        'more',
        (pass) => pass.acknowledgedPerSecond,
        atLeast(1_000),
        commits,
      ),
      result('callbacks settled', 'callbacks/s', 'more', (pass) => pass.settledPerSecond, atLeast(700), commits),
      result('peak memory, 10,000 watched', 'MB resident', 'less', ({ peakMegabytes }) => peakMegabytes, atMost(450)),
      result('10,000 reconnect and get their task', 's', 'less', (pass) => pass.reconnectSeconds, atMost(60), {
        name: 'a bare ws server that answers each subscription',
        of: (pass) => pass.bareReconnectSeconds,
      }),
    ]
  },
}

function measurePass(setting: Setting): Promise<Pass> {
  return withEndings(async (atEnd) => {
    const { folder, onProgress, servers, isPinned } = setting
    const commitsPerSecond = measureCommitRate(folder, 1)
    const callbacksPerPass = rates.reduce((sum, rate) => sum + rate * secondsPerRate, fullLoad)
    const tasks = pendingTasks(2 * sockets + callbacksPerPass)
    await seedTasks(`${folder}/stemgate.db`, tasks)
    const unused = tasks.values()
    const nextTask = () => {
      const { value } = unused.next()
      if (value === undefined) throw new Error('There are more tasks than callbacks.')
      return value
    }
    const provider = await startInstantProvider(atEnd)
    const options = { databaseUrl: sqliteUrl(folder), providerUrl: provider.url }
    const before = await startBenchGateway(setting, options, atEnd)
    const measured = await withEndings(async (whileItRuns) => {
      const crowd = await openWatchingCrowd({ url: before.url, count: sockets, nextTask }, whileItRuns)
      onProgress(`${sockets} sockets watch`)
      const rising = await measureRising(before.url, crowd, onProgress)
      await crowd.watchAnew()
      const full = await measureFullLoad(before.url, crowd)
      const peak = await before.peakResidentBytes()
      return { ...rising, ...full, peakMegabytes: (peak ?? 0) / 1e6 }
    })
    await before.close()
    const bare = await startServer({ args: [servers.webSocket], isPinned }, atEnd)
    const bareReconnectSeconds = await secondsUntilTold(bare.url, () => tasks[0] ?? nextTask())
    const after = await startBenchGateway(setting, options, atEnd)
    const reconnectSeconds = await secondsUntilTold(after.url, nextTask)
    const pass = { ...measured, reconnectSeconds, bareReconnectSeconds, commitsPerSecond }
    onProgress(JSON.stringify(pass))
    return pass
  })
}

async function measureRising(url: string, crowd: WatchingCrowd, onProgress: (line: string) => void) {
  let highestRate = 0
  let reportedP99Ms = Number.POSITIVE_INFINITY
  for (const rate of rates) {
    await crowd.watchAnew()
    const watched = crowd.take(rate * secondsPerRate)
    const dueAtMs: number[] = []
    const requests = watched.map(({ task }) => callbackRequest(task))
    const sent = sendPaced({ url, requests, perSecond: rate, onDue: (index) => (dueAtMs[index] = performance.now()) })
    const settled = Promise.all(watched.map(({ settledAtMs }) => settledAtMs))
    const [settledAtMs] = await Promise.all([settled, sent])
    const { p50, p99 } = latencyOf(settledAtMs.map((atMs, index) => atMs - (dueAtMs[index] ?? 0)))
    onProgress(`${rate} callbacks per second: p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`)
    if (rate === reportedRate) reportedP99Ms = p99
    if (p99 < mostP99Ms) highestRate = rate
    else if (rate >= reportedRate) break
  }
  return { highestRate, p99Ms: reportedP99Ms }
}

async function measureFullLoad(url: string, crowd: WatchingCrowd) {
  const watched = crowd.take(fullLoad)
  const requests = watched.map(({ task }) => callbackRequest(task))
  const startedAtMs = performance.now()
  const settled = Promise.all(watched.map(({ settledAtMs }) => settledAtMs))
  const acknowledgedPerSecond = await createHttpLoad(url, atATime).runTimes(
    requests.length,
    (index) => requests[index] ?? Buffer.alloc(0),
  )
  await settled
  return { acknowledgedPerSecond, settledPerSecond: (fullLoad * 1_000) / (performance.now() - startedAtMs) }
}

/** How long it takes until as many sockets have connected and have been told of their task. */
function secondsUntilTold(url: string, nextTask: Parameters<typeof openWatchingCrowd>[0]['nextTask']): Promise<number> {
  return withEndings(async (atEnd) => {
    const startedAtMs = performance.now()
    await openWatchingCrowd({ url, count: sockets, nextTask }, atEnd)
    return (performance.now() - startedAtMs) / 1_000
  })
}

function atLeast(value: number): Goal {
  return { of: 'value', bound: 'at least', value }
}

function atMost(value: number): Goal {
  return { of: 'value', bound: 'at most', value }
}
