import { setTimeout as sleep } from 'node:timers/promises'
import { listTasks, readCounted, type Order, type Ordered, type Watched } from '../faults/client.ts'
import { compare } from '../faults/compare.ts'
import type { Breach } from '../faults/evidence.ts'
import { createRandom } from '../faults/random.ts'
import { startVendor } from '../faults/vendor.ts'
import type { Ending } from '../../support/gateway.ts'
import { startLoadBalancer } from '../../support/load-balancer.ts'
import { createFrontend } from './frontend.ts'
import { createRollingGateway, type RollingGateway } from './rolling-gateway.ts'
import { canary } from '../../support/canaries.ts'

export interface RollingRestartOptions {
  readonly program: string
  /** The PostgreSQL and Redis that the gateways share. */
  readonly shared: { readonly DATABASE_URL: string; readonly REDIS_URL: string }
  readonly gateways: number
  readonly frontends: number
  /** How often each gateway is restarted. */
  readonly rounds: number
  /** Whether a gateway is stopped only when every frontend has its socket again, which the one before took. */
  readonly waitsForFrontends: boolean
  readonly signal: AbortSignal
}

export interface RollingRestartReport {
  /** The broken guarantees. */
  readonly breaches: readonly Breach[]
  readonly restarts: readonly Restart[]
  readonly orders: number
  readonly charges: number
  readonly subscriptions: number
  /** The codes with which sockets were closed, and what else kept clients from one. */
  readonly closes: Readonly<Record<string, number>>
  readonly unopened: Readonly<Record<string, number>>
  readonly callbacks: { readonly sent: number; readonly failed: number; readonly exhausted: number }
  /** Orders that had to be sent again, by how they went wrong: each on a connection of its own, or on kept ones. */
  readonly troubles: { readonly ownConnection: Tally; readonly keptConnections: Tally }
  readonly skipped: number
  readonly rejectedCallers: number
  readonly seconds: number
}

type Tally = Readonly<Record<string, number>>

/** The results of one gateway. */
export interface Restart {
  /** How many subscriptions waited in it when it was told to stop. */
  readonly subscriptions: number
  readonly exit: number | NodeJS.Signals | null
  readonly stopMs: number
  readonly startMs: number
}

/** As providers do, which take minutes where this takes seconds. */
const callbackPausesMs = [0, 1_000, 3_000]
const callbackTimeoutMs = 15_000
const longestAnswerMs = 250
const orderPauseMs = 50
const ordersPerDay = 1_000_000
const lookMs = 20
const presentWithinMs = 30_000
const settleWithinMs = 30_000

/** Restarts gateways one after the other while clients order and subscribe, and compares the end with the vendor's ledger. */
export async function playRollingRestart(options: RollingRestartOptions, atEnd: Ending): Promise<RollingRestartReport> {
  const { program, shared, rounds, waitsForFrontends, signal } = options
  const startedAtMs = performance.now()
  const random = createRandom('rolling restart')
  const vendor = await startVendor({
    seed: 'rolling restart',
    // Orders are in flight when a gateway is stopped.
    async reachability(point) {
      if (point === 'after the charge, before the answer') await sleep(random.below(longestAnswerMs))
      return false
    },
    callbackTimeoutMs,
    callbackPausesMs,
  })
  atEnd(vendor.close)
  const environment: Record<string, string> = {
    ...shared,
    KIE_API_KEY: `kie-key-${canary}`,
    KIE_BASE_URL: `http://127.0.0.1:${vendor.port}`,
    STEM_LINKS: 'direct',
    CHECK_INTERVAL_SECONDS: '2',
    READS_PER_SECOND: '500',
    SUBMITS_PER_10_SECONDS: '1000000',
    ORDERS_PER_DAY: String(ordersPerDay),
    GRAPHIQL: 'false',
    LOG_LEVEL: 'error',
  }
  const gateways: RollingGateway[] = []
  for (let count = 0; count < options.gateways; count++) {
    gateways.push(await createRollingGateway(program, environment))
  }
  const balancer = await startLoadBalancer(
    gateways.map(({ port }) => port),
    atEnd,
  )
  environment['PUBLIC_URL'] = balancer.url
  await Promise.all(
    gateways.map((gateway) => {
      atEnd(gateway.close)
      return gateway.start()
    }),
  )

  const frontends = Array.from({ length: options.frontends }, (_, index) => {
    const keepsConnections = index % 2 === 1
    const frontend = createFrontend(balancer.url, { keepsConnections })
    atEnd(frontend.close)
    return { frontend, index, keepsConnections }
  })
  const orders: { readonly order: Order; ended: Ordered }[] = []
  const watches: { readonly taskId: string; ended: Watched | null }[] = []
  const watching: Promise<unknown>[] = []
  const stop = new AbortController()
  atEnd(() => stop.abort())

  /** Orders a track and watches it; resolves when it is ordered. */
  async function orderAndWatch({ frontend, index }: (typeof frontends)[number], name: string): Promise<void> {
    const audioId = `frontend${index}-${name}`
    const order: Order = {
      musicTaskId: `music-of-${audioId}`,
      audioId,
      type: random.next() < 0.5 ? 'SEPARATE_VOCAL' : 'SPLIT_STEM',
      idempotencyKey: `key-of-${audioId}`,
      force: false,
    }
    const entry: (typeof orders)[number] = { order, ended: { kind: 'unanswered' } }
    orders.push(entry)
    entry.ended = await frontend.order(order, signal)
    if (entry.ended.kind !== 'task') return
    const watch: (typeof watches)[number] = { taskId: entry.ended.taskId, ended: null }
    watches.push(watch)
    watching.push(frontend.watch(watch.taskId).then((ended) => (watch.ended = ended)))
  }

  async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    for (const untilMs = performance.now() + presentWithinMs; !(await isSo()); await sleep(lookMs)) {
      signal.throwIfAborted()
      if (performance.now() > untilMs) throw new Error(`It was waited for in vain that ${what}.`)
    }
  }

  // Each watches a task that is not done before all gateways have been restarted, so that no socket is ever without one.
  await Promise.all(frontends.map((each) => orderAndWatch(each, 'held')))
  const ordering = frontends.map(async (each) => {
    for (let nth = 0; !stop.signal.aborted && !signal.aborted; nth++) {
      await orderAndWatch(each, `${nth}-plain`)
      await sleep(orderPauseMs)
    }
  })

  const restarts: Restart[] = []
  for (let round = 0; round < rounds; round++) {
    for (const gateway of gateways) {
      if (waitsForFrontends) {
        await until('every frontend is connected', () => frontends.every(({ frontend }) => frontend.isConnected()))
      }
      let subscriptions = 0
      await until('somebody watches', async () => (subscriptions = await gateway.subscriptions()) > 0)
      const stoppedAtMs = performance.now()
      const exit = await gateway.stop()
      const goneAtMs = performance.now()
      await gateway.start()
      restarts.push({
        subscriptions,
        exit,
        stopMs: Math.round(goneAtMs - stoppedAtMs),
        startMs: Math.round(performance.now() - goneAtMs),
      })
    }
  }

  stop.abort()
  await Promise.all(ordering)
  const held = vendor.ledger.filter(({ audioId }) => audioId.endsWith('held'))
  const finished = Promise.all(held.map((charge) => vendor.finish(charge, balancer.url)))
  await Promise.race([
    Promise.all([...watching, vendor.quiet(), finished]),
    sleep(settleWithinMs, undefined, { ref: false }),
  ])
  // No process died: what was answered came.
  for (const charge of vendor.ledger) charge.answerTaken = true
  const tasks = await listTasks(() => balancer.url)
  const used = await readCounted(() => balancer.url)
  const caller = { name: 'anonymous', tasks, budget: { limit: ordersPerDay, used }, told: null }
  const taken = vendor.ledger.filter(({ callbackTaken }) => callbackTaken).length
  const troublesOf = (kept: boolean) =>
    tally(frontends.flatMap(({ frontend, keepsConnections }) => (keepsConnections === kept ? frontend.troubles : [])))

  return {
    breaches: compare({ ledger: vendor.ledger, callers: [caller], told: [], purge: null, orders, watches }),
    restarts,
    orders: orders.length,
    charges: vendor.ledger.length,
    subscriptions: watches.length,
    closes: tally(frontends.flatMap(({ frontend }) => frontend.closes)),
    unopened: tally(frontends.flatMap(({ frontend }) => frontend.unopened)),
    callbacks: {
      sent: vendor.counts.callbacks,
      failed: vendor.counts.callbacks - taken,
      exhausted: vendor.ledger.filter(({ callsBack, callbackTaken }) => callsBack && !callbackTaken).length,
    },
    troubles: { ownConnection: troublesOf(false), keptConnections: troublesOf(true) },
    ...balancer.counts,
    seconds: Math.round((performance.now() - startedAtMs) / 1_000),
  }
}

/** For people, a line for each thing that is counted. */
export function printRollingReport(report: RollingRestartReport): string {
  const { restarts, orders, charges, subscriptions, closes, unopened, callbacks, troubles, breaches } = report
  const longest = (times: readonly number[]) => `${Math.max(...times)} ms at most`
  return [
    `${restarts.length} restarts in ${report.seconds} s, with ${shown(tally(restarts.map(({ exit }) => `exit ${exit}`)))}; a stop took ${longest(restarts.map(({ stopMs }) => stopMs))}`,
    `${orders} orders, ${charges} charges, ${subscriptions} subscriptions`,
    `sockets closed with ${shown(closes)}; on the way to a socket: ${shown(unopened)}`,
    `${callbacks.sent} callbacks sent, ${callbacks.failed} of them in vain; ${callbacks.exhausted} given up`,
    `orders sent again on connections of their own: ${shown(troubles.ownConnection)}; on kept ones: ${shown(troubles.keptConnections)}`,
    `the load balancer passed over a gateway ${report.skipped} times and turned away ${report.rejectedCallers} connections`,
    ...breaches.map(({ kind, detail }) => `${kind}: ${detail}`),
  ].join('\n')
}

function shown(counts: Tally): string {
  const all = Object.entries(counts).map(([name, count]) => `${name} (${count})`)
  return all.length === 0 ? 'nothing' : all.join(', ')
}

function tally(names: readonly (string | number)[]): Tally {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
