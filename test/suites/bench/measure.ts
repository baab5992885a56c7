import type { Ending } from '../../support/gateway.ts'
import { createGatewayProcess } from '../faults/gateway-process.ts'
import { taskIdIn } from '../faults/ledger.ts'
import { callbackOfSuccess, recordOfSuccess, sendBody, startPlayedProvider } from '../../support/played-provider.ts'
import { createSender, createSubscriber, type Subscriber } from './client.ts'
import { forEachOf } from './for-each-of.ts'
import { latencyOf, type Latency } from './latency.ts'

export interface BenchedOptions {
  readonly program: string
  readonly gateways: number
  /** Names what the gateways keep their tasks in, and what they share. */
  readonly environment: Readonly<Record<string, string>>
}

/** Gateways that stand still but while they are measured, so that those of several configurations can be warm at a time. */
export interface Benched {
  /** Orders and watches so many tasks, and then sends their callbacks. Each round is by another name. */
  measure(round: { readonly name: string; readonly tasks: number; readonly subscribers: number }): Promise<Measured>
}

/** What one round of one configuration showed. */
export interface Measured {
  readonly ordersPerSecond: number
  /** Callbacks that were answered with 200, and such whose subscriber was told. */
  readonly acknowledgedPerSecond: number
  readonly settledPerSecond: number
  /** From the sending of a callback until its subscriber was told, while all came at once. */
  readonly loadedMs: Latency
  /** The same while a few came at a time. */
  readonly calmMs: Latency
  /** How many cores client and vendor took for themselves while all callbacks came. */
  readonly ownCores: number
}

/** So many callbacks, and orders, are on their way at a time. */
const atATime = 32
const calmAtATime = 2
/** The callbacks of which only a few come at a time. */
const calmShare = 0.15

interface Watched {
  readonly providerTaskId: string
  readonly callback: { readonly url: string; readonly body: object }
  readonly settled: Promise<void>
}

/** Starts gateways, which end with whatever `atEnd` belongs to. */
export async function startBenched(
  { program, gateways: count, environment }: BenchedOptions,
  atEnd: Ending,
): Promise<Benched> {
  const provider = await startPlayedProvider(atEnd)
  provider.answerRead((response, nth) => sendBody(response, recordOfSuccess(provider.reads[nth - 1] ?? '')))
  const gateways = Array.from({ length: count }, () =>
    createGatewayProcess([process.execPath, program], {
      ...environment,
      ...provider.environment,
      // Nobody asks unless a callback came, and the provider's rates are out of the way.
      CHECK_INTERVAL_SECONDS: '3600',
      READS_PER_SECOND: '1000',
      SUBMITS_PER_10_SECONDS: '1000000',
      GRAPHIQL: 'false',
      LOG_LEVEL: 'error',
    }),
  )
  for (const gateway of gateways) atEnd(gateway.close)
  await Promise.all(gateways.map((gateway) => gateway.start()))
  const urls = gateways.map((gateway) => {
    const url = gateway.url()
    if (url === null) throw new Error(`A gateway did not start: ${gateway.lastWords()}`)
    return url
  })
  const urlOf = (index: number) => urls[index % urls.length] ?? ''

  for (const gateway of gateways) gateway.stop()

  const sender = createSender(atATime)
  atEnd(sender.close)
  return {
    async measure({ name, tasks, subscribers }) {
      for (const gateway of gateways) gateway.goOn()
      const taskIds: string[] = []
      const orderedAtMs = performance.now()
      await forEachOf(Array.from({ length: tasks }).keys(), atATime, async (index) => {
        taskIds[index] = await sender.order(urlOf(index), `${name}-${index}`)
      })
      const ordersPerSecond = perSecond(tasks, performance.now() - orderedAtMs)

      const sockets = Array.from({ length: Math.min(subscribers, tasks) }, (_, index) => createSubscriber(urlOf(index)))
      try {
        const watched = await watchAll(taskIds, sockets)
        const earlierReads = provider.reads.length
        const calm = Math.ceil(tasks * calmShare)
        const calmly = await sendAll(watched.slice(0, calm), calmAtATime, { waitsUntilTold: true })
        const loaded = await sendAll(watched.slice(calm), atATime)
        const read = new Set(provider.reads.slice(earlierReads))
        if (!watched.every(({ providerTaskId }) => read.has(providerTaskId))) {
          throw new Error('A task was settled without record-info.')
        }
        return {
          ordersPerSecond,
          acknowledgedPerSecond: loaded.acknowledgedPerSecond,
          settledPerSecond: loaded.settledPerSecond,
          loadedMs: loaded.latencyMs,
          calmMs: calmly.latencyMs,
          ownCores: loaded.ownCores,
        }
      } finally {
        await Promise.all(sockets.map((socket) => socket.close()))
        for (const gateway of gateways) gateway.stop()
      }
    },
  }

  /** Each callback is to reach the gateway after the one at which its task is watched. */
  async function watchAll(taskIds: readonly string[], sockets: readonly Subscriber[]): Promise<readonly Watched[]> {
    const orders = new Map(
      provider.orders.map(({ body: { callBackUrl } }, index) => [
        taskIdIn(callBackUrl),
        { callBackUrl, nth: index + 1 },
      ]),
    )
    const watched: Watched[] = []
    await forEachOf(taskIds.entries(), atATime, async ([index, taskId]) => {
      const at = index % sockets.length
      const [order, socket] = [orders.get(taskId), sockets[at]]
      if (order === undefined || socket === undefined) throw new Error(`Nobody knows of ${taskId}.`)
      const { settled } = await socket.watch(taskId)
      const url = `${urlOf(at + 1)}${new URL(order.callBackUrl).pathname}`
      const providerTaskId = `provider-task-${order.nth}`
      watched.push({ providerTaskId, settled, callback: { url, body: callbackOfSuccess(providerTaskId) } })
    })
    return watched
  }

  /** `waitsUntilTold`: the next callback is sent when a subscriber was told of one, not when one was answered. */
  async function sendAll(all: readonly Watched[], most: number, { waitsUntilTold = false } = {}) {
    const cpu = process.cpuUsage()
    const startedAtMs = performance.now()
    const latencies: number[] = []
    const report: Promise<void>[] = []
    let acknowledgedAfterMs = 0
    await forEachOf(all.values(), most, async ({ settled, callback }) => {
      const sentAtMs = performance.now()
      const isExpected = settled.then(() => void latencies.push(performance.now() - sentAtMs))
      report.push(isExpected)
      await sender.callBack(callback.url, callback.body)
      acknowledgedAfterMs = performance.now() - startedAtMs
      if (waitsUntilTold) await isExpected
    })
    await Promise.all(report)
    const settledAfterMs = performance.now() - startedAtMs
    const { user, system } = process.cpuUsage(cpu)
    return {
      acknowledgedPerSecond: perSecond(all.length, acknowledgedAfterMs),
      settledPerSecond: perSecond(all.length, settledAfterMs),
      latencyMs: latencyOf(latencies),
      ownCores: (user + system) / 1_000 / settledAfterMs,
    }
  }
}

function perSecond(count: number, ms: number): number {
  return (count * 1_000) / ms
}
