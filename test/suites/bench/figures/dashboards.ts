import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ending } from '../../../support/gateway.ts'
import type { PendingTask } from '../../../../src/separation/task/task.ts'
import { callbackRequest } from '../load/callback-requests.ts'
import { openEventStreamDashboards, openWebSocketDashboards, type Dashboards } from '../load/dashboards.ts'
import { createHttpLoad } from '../load/http-load.ts'
import { startInstantProvider } from '../load/instant-provider.ts'
import { pendingTasks, seedTasks } from '../load/seed-tasks.ts'
import type { Result } from '../report/result.ts'
import { sqliteUrl, startBenchGateway } from '../servers/bench-gateway.ts'
import { startServer, type ServerProcess } from '../servers/server-process.ts'
import { alternate } from './alternate.ts'
import type { Figure, Setting } from './figure.ts'

const count = 1_000
const goalAtMost = 1.5
/** How long the servers may finish what they began, so that their CPU time counts where it belongs, in milliseconds. */
const settleMs = 300

const transports = [
  {
    name: 'WebSocket',
    open: openWebSocketDashboards,
    bare: 'webSocket',
    limit: 'a bare ws broadcast of the same bytes',
  },
  {
    name: 'SSE',
    open: openEventStreamDashboards,
    bare: 'eventStream',
    limit: 'a bare node:http broadcast of the same bytes',
  },
] as const

export const dashboards: Figure = {
  name: 'dashboards',
  about:
    'from the first byte of a callback to the last of 1,000 equal dashboards of many tasks, over WebSocket and SSE',
  async measure(setting, atEnd) {
    const provider = await startInstantProvider(atEnd)
    const results: (readonly Result[])[] = []
    for (const transport of transports) results.push(await measureOne(setting, transport, provider.url, atEnd))
    return results.flat()
  },
}

async function measureOne(
  setting: Setting,
  transport: (typeof transports)[number],
  providerUrl: string,
  atEnd: Ending,
): Promise<readonly Result[]> {
  const { servers, isPinned, rounds, onProgress } = setting
  // Few, because each dashboard begins with all of them. One is for the text that the bare server sends.
  const tasks = pendingTasks(rounds + 2)
  const [first, ...others] = tasks
  if (first === undefined) throw new Error('There is a task for each round.')
  const folder = await mkdtemp(join(setting.folder, 'dashboards-'))
  await seedTasks(`${folder}/stemgate.db`, tasks)
  const gateway = await startBenchGateway(setting, { databaseUrl: sqliteUrl(folder), providerUrl }, atEnd)
  const ofGateway = await transport.open({ url: gateway.url, count, eventsAtFirst: tasks.length }, atEnd)
  await timeToLast(gateway, ofGateway, first)
  const environment = { SETTLED: ofGateway.settledText(), COMPLETES: 'no' }
  const bare = await startServer({ args: [servers[transport.bare]], environment, isPinned }, atEnd)
  const ofBare = await transport.open({ url: bare.url, count, eventsAtFirst: 1 }, atEnd)

  const unused = others.values()
  const cpu = { bare: Array<number>(), gateway: Array<number>() }
  const timed =
    (name: keyof typeof cpu, server: ServerProcess, audience: Dashboards, next: () => PendingTask) => async () => {
      await sleep(settleMs)
      const before = await server.cpuSeconds()
      const ms = await timeToLast(server, audience, next())
      await sleep(settleMs)
      const after = await server.cpuSeconds()
      if (before !== null && after !== null) cpu[name].push(((after - before) * 1e6) / count)
      return ms
    }
  const values = await alternate(
    rounds,
    {
      bare: timed('bare', bare, ofBare, () => first),
      gateway: timed('gateway', gateway, ofGateway, () => unused.next().value ?? first),
    },
    onProgress,
  )
  const name = `fan-out to ${count.toLocaleString('en')} dashboards over ${transport.name}`
  const common = { better: 'less', peers: [], notes: [] } as const
  return [
    {
      ...common,
      name,
      unit: 'ms',
      gateway: values.gateway,
      limit: { name: transport.limit, rounds: values.bare },
      goal: { of: 'ratio', bound: 'at most', value: goalAtMost },
    },
    {
      ...common,
      name: `${name}, CPU`,
      unit: 'µs/subscriber',
      // The first of each is the one before the first round.
      gateway: cpu.gateway.slice(1),
      limit: { name: transport.limit, rounds: cpu.bare.slice(1) },
      goal: null,
    },
  ]
}

async function timeToLast({ url }: ServerProcess, audience: Dashboards, task: PendingTask): Promise<number> {
  const told = audience.told()
  const { sentAtMs } = await createHttpLoad(url, 1).ask(callbackRequest(task))
  return (await told) - sentAtMs
}
