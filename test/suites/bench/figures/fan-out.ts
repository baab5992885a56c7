import { setTimeout as sleep } from 'node:timers/promises'
import type { Ending } from '../../../support/gateway.ts'
import type { PendingTask } from '../../../../src/separation/task/task.ts'
import { openEventStreamAudience, openWebSocketAudience, type Audience } from '../load/audience.ts'
import { callbackRequest } from '../load/callback-requests.ts'
import { watchText } from '../load/documents.ts'
import { createHttpLoad } from '../load/http-load.ts'
import { startInstantProvider } from '../load/instant-provider.ts'
import { pendingTasks, seedTasks } from '../load/seed-tasks.ts'
import { openBenchSocket } from '../load/web-socket.ts'
import type { Result } from '../report/result.ts'
import { sqliteUrl, startBenchGateway } from '../servers/bench-gateway.ts'
import { startServer, type ServerProcess } from '../servers/server-process.ts'
import { alternate } from './alternate.ts'
import type { Figure, Setting } from './figure.ts'

/** How many subscribe to one task. */
const sizes = [1_000, 5_000]
const goalAtMost = 1.5
/** How long the servers may finish what they began, so that their CPU time counts where it belongs, in milliseconds. */
const settleMs = 300

const transports = [
  { name: 'WebSocket', open: openWebSocketAudience, bare: 'webSocket', limit: 'a bare ws broadcast of the same bytes' },
  {
    name: 'SSE',
    open: async (...args: Parameters<typeof openEventStreamAudience>) => openEventStreamAudience(...args),
    bare: 'eventStream',
    limit: 'a bare node:http broadcast of the same bytes',
  },
] as const

export const fanOut: Figure = {
  name: 'fan-out',
  about: 'from the first byte of a callback to the last of 1,000 and 5,000 subscribers, over WebSocket and SSE',
  async measure(setting, atEnd) {
    const { folder, rounds } = setting
    const tasks = pendingTasks(1 + transports.length * sizes.length * (rounds + 2))
    await seedTasks(`${folder}/stemgate.db`, tasks)
    const unused = tasks.values()
    const next = (): PendingTask => {
      const { value } = unused.next()
      if (value === undefined) throw new Error('There is a task for each round.')
      return value
    }
    const provider = await startInstantProvider(atEnd)
    const databaseUrl = sqliteUrl(folder)
    const gateway = await startBenchGateway(setting, { databaseUrl, providerUrl: provider.url }, atEnd)
    const messages = await messagesOf(gateway, next(), atEnd)
    const results: (readonly Result[])[] = []
    for (const transport of transports) {
      for (const size of sizes) {
        results.push(await measureOne({ setting, transport, size, gateway, messages, next, atEnd }))
      }
    }
    return results.flat()
  },
}

interface Messages {
  readonly PENDING: string
  readonly SETTLED: string
}

async function measureOne(options: {
  readonly setting: Setting
  readonly transport: (typeof transports)[number]
  readonly size: number
  readonly gateway: ServerProcess
  readonly messages: Messages
  readonly next: () => PendingTask
  readonly atEnd: Ending
}): Promise<readonly Result[]> {
  const { setting, transport, size, gateway, messages, next, atEnd } = options
  const { servers, isPinned, rounds, onProgress } = setting
  const environment =
    transport.name === 'SSE'
      ? { PENDING: payloadOf(messages.PENDING), SETTLED: payloadOf(messages.SETTLED) }
      : { ...messages }
  const bare = await startServer({ args: [servers[transport.bare]], environment, isPinned }, atEnd)
  const timed = async (server: ServerProcess, cpuMicroseconds: number[], nextTask: () => PendingTask) => {
    const audience = await transport.open(server.url, size, atEnd)
    return async () => {
      const task = nextTask()
      await audience.watch(task.id)
      await sleep(settleMs)
      const before = await server.cpuSeconds()
      const ms = await timeToLast(server.url, audience, task)
      await sleep(settleMs)
      const after = await server.cpuSeconds()
      if (before !== null && after !== null) cpuMicroseconds.push(((after - before) * 1e6) / size)
      return ms
    }
  }
  const bareTask = next()
  const cpu = { bare: Array<number>(), gateway: Array<number>() }
  const values = await alternate(
    rounds,
    { bare: await timed(bare, cpu.bare, () => bareTask), gateway: await timed(gateway, cpu.gateway, next) },
    onProgress,
  )
  await bare.close()
  const name = `fan-out to ${size.toLocaleString('en')} over ${transport.name}`
  return [
    {
      name,
      unit: 'ms',
      better: 'less',
      gateway: values.gateway,
      limit: { name: transport.limit, rounds: values.bare },
      peers: [],
      goal: { of: 'ratio', bound: 'at most', value: goalAtMost },
      notes: [],
    },
    {
      name: `${name}, CPU`,
      unit: 'µs/subscriber',
      better: 'less',
      // The first of each is the one before the first round.
      gateway: cpu.gateway.slice(1),
      limit: { name: transport.limit, rounds: cpu.bare.slice(1) },
      peers: [],
      goal: null,
      notes: [],
    },
  ]
}

async function timeToLast(url: string, audience: Audience, task: PendingTask): Promise<number> {
  const told = audience.told()
  const { sentAtMs } = await createHttpLoad(url, 1).ask(callbackRequest(task))
  return (await told) - sentAtMs
}

/** What the gateway sends to a subscriber, before and after the callback. */
async function messagesOf(gateway: ServerProcess, task: PendingTask, atEnd: Ending): Promise<Messages> {
  const received: string[] = []
  const load = createHttpLoad(gateway.url, 1)
  await new Promise<void>((resolve, reject) => {
    openBenchSocket({
      url: gateway.url,
      nth: 0,
      onBreak: reject,
      onMessage(json) {
        received.push(json.toString())
        if (received.length === 1) load.ask(callbackRequest(task)).catch(reject)
        if (received.length === 3) resolve()
      },
    }).then((socket) => {
      atEnd(socket.close)
      socket.subscribe(watchText, task.id)
    }, reject)
  })
  const [pending = '', settled = ''] = received
  if (!settled.includes('"settled":true')) throw new Error(`The task was not settled: ${settled}`)
  return { PENDING: pending, SETTLED: settled }
}

function payloadOf(message: string): string {
  return JSON.stringify(JSON.parse(message).payload)
}
