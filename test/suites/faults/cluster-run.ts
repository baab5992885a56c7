import { setTimeout as sleep } from 'node:timers/promises'
import type { Ending } from '../../support/gateway.ts'
import { listTasks, type Where } from './client.ts'
import { createCluster, lastWordsOf, type Cluster, type Member } from './cluster.ts'
import type { ClusterBreach } from './cluster-breach.ts'
import { limitMsOf, mend, needsRedis, strike, type ClusterFaultKind, type FaultPlan } from './cluster-faults.ts'
import { compare, type Evidence } from './compare.ts'
import { startCrowd } from './crowd.ts'
import { callbackFaultKinds, faultKinds, startFaultProxy, type Delivery, type FaultProxy } from './fault-proxy.ts'
import { impatient } from './gateway-process.ts'
import { taskIdIn } from './ledger.ts'
import { planOrders } from './orders.ts'
import { createRandom } from './random.ts'
import { createRecoveryProbe, type Recovery } from './recovery.ts'
import { createGate, playStop } from './stopped-gateway.ts'
import { startVendor } from './vendor.ts'
import { canary } from '../../support/canaries.ts'

export interface ClusterRunOptions {
  /** The same seed makes the same orders, tracks and faults in the same order; what meets when is up to the machine. */
  readonly seed: string
  readonly program: string
  readonly gateways: number
  /** Whether the gateways use a Redis; faults of Redis are left out otherwise. Default: true. */
  readonly hasRedis?: boolean
  readonly separations: number
  readonly faults: FaultPlan
  /** How often a gateway is stopped for longer than a claim's lease. */
  readonly stops: number
  readonly unconfirmedAfterSeconds: number
  readonly healWithinMs: number
  /** See `FaultRunOptions`. */
  readonly skipMinutesAfterMs: number
  readonly onProgress: (line: string) => void
  readonly signal: AbortSignal
}

export interface ClusterReport {
  readonly breaches: readonly ClusterBreach[]
  readonly counts: Readonly<Record<string, number>>
  /** The faults of the vendor's network. */
  readonly struck: ReadonlyMap<string, number>
  /** What became of each fault of the cluster's, in turn. */
  readonly recoveries: readonly (Recovery & { readonly kind: ClusterFaultKind; readonly met: number })[]
  /** How long after each stop the others had settled the stopped one's tasks, in milliseconds. */
  readonly settledAfterStopsMs: readonly number[]
  readonly seconds: number
  readonly lastWords: string
}

const faultShare = 0.15
/** An answer that came while PostgreSQL was away is kept in memory until it is back. */
const keepsAnswersWithinMs = 15_000
const pollMs = 300
const minuteMs = 60_000
const soonMs = 1_000

/** Plays vendor, networks, clients and every fault of what gateways share, and compares the end with the ledger. */
export async function runClusterFaults(options: ClusterRunOptions, atEnd: Ending): Promise<ClusterReport> {
  const { seed, program, gateways, hasRedis = true, separations, healWithinMs, onProgress, signal } = options
  const startedAtMs = performance.now()
  const seconds = () => Math.round((performance.now() - startedAtMs) / 1_000)
  const timing = { callbackTimeoutMs: 6_000, callbackPausesMs: [0, 500, 1_500, 4_000] }
  const vendor = await startVendor({ seed, reachability: async () => false, ...timing })
  atEnd(vendor.close)
  // Another provider, which no fault lies before: what it shows is due to the gateways alone.
  const gate = createGate()
  const clean = await startVendor({ seed: `${seed}/clean`, reachability: gate.reachability, ...timing })
  atEnd(clean.close)

  const deliveries = new Map<string, { readonly by: number; readonly delivery: Delivery }>()
  const toVendor: FaultProxy[] = []
  for (let by = 0; by < gateways; by++) {
    const proxy = await startFaultProxy({
      target: () => vendor.port,
      random: createRandom(`${seed}/to-vendor/${by}`),
      faultShare,
      kinds: faultKinds,
      reachability: async () => false,
      onDelivered: (delivery) => deliveries.set(taskIdIn(delivery.request), { by, delivery }),
    })
    atEnd(proxy.close)
    toVendor.push(proxy)
  }
  const toGateways = await startFaultProxy({
    target: () => cluster.port(),
    random: createRandom(`${seed}/to-gateways`),
    faultShare,
    kinds: callbackFaultKinds,
    reachability: null,
    onDelivered: () => {},
  })
  atEnd(toGateways.close)
  const cluster: Cluster = await createCluster(
    {
      seed,
      program: impatient(program),
      size: gateways,
      hasRedis,
      environment: (index) => ({
        KIE_API_KEY: `kie-key-${canary}`,
        KIE_BASE_URL: toVendor[index]?.url ?? '',
        STEM_LINKS: 'direct',
        APIKLEY_API_KEY: `apikley-key-${canary}`,
        APIKLEY_BASE_URL: `http://127.0.0.1:${clean.port}`,
        PUBLIC_URL: toGateways.url,
        CHECK_INTERVAL_SECONDS: '1',
        SUBMIT_TIMEOUT_SECONDS: '2',
        CHANGES: JSON.stringify({ unconfirmedAfterMs: options.unconfirmedAfterSeconds * 1_000 }),
        READS_PER_SECOND: '500',
        SUBMITS_PER_10_SECONDS: '1000000',
      }),
    },
    atEnd,
  )
  const stop = new AbortController()
  atEnd(() => stop.abort())
  signal.addEventListener('abort', () => stop.abort())
  // A gateway that ends by itself is not started again, so that there is nothing more to be waited for.
  const hasEnded = () => cluster.members.some(({ process }) => process.ownEnds() > 0)
  const looking = setInterval(() => hasEnded() && stop.abort(), pollMs)
  atEnd(() => clearInterval(looking))
  await cluster.start()

  const groups = planOrders(seed, separations)
  const turns = planTurns(options)
  let turnsDone = 0
  const allowed = () => Math.ceil((groups.length * (turnsDone + 1)) / (turns.length + 1))
  const crowd = startCrowd({ seed, groups, where: cluster.where, stop: stop.signal, allowed })
  const probe = createRecoveryProbe({ cluster, vendor: clean, stop: stop.signal })
  const random = createRandom(`${seed}/cluster-faults`)
  const breaches: ClusterBreach[] = []
  const recoveries: ClusterReport['recoveries'][number][] = []
  const settledAfterStopsMs: number[] = []
  const play = async (kind: (typeof turns)[number]): Promise<void> => {
    if (kind === 'a gateway stopped') {
      const member = random.pick(cluster.members)
      if (member === null) throw new Error('A cluster has members.')
      const stopped = await playStop({ cluster, vendor: clean, gate, member, index: turnsDone, stop: stop.signal })
      breaches.push(...stopped.breaches)
      settledAfterStopsMs.push(stopped.settledAfterMs)
      onProgress(`${seconds()} s: ${kind}: its tasks were settled after ${Math.round(stopped.settledAfterMs)} ms`)
    } else {
      const prepared = await probe.prepare()
      const met = await strike(kind, cluster, random)
      const limitMs = limitMsOf(kind)
      const recovery = { kind, met, ...(await prepared.measure(limitMs * 2)) }
      await mend(kind, cluster)
      recoveries.push(recovery)
      const [ordersMs, toldMs] = [Math.max(...recovery.ordersMs), Math.max(...recovery.toldMs)].map(Math.round)
      const line = `${kind} (${met}): orders again after ${ordersMs} ms, told after ${toldMs} ms`
      if (Math.max(...recovery.ordersMs, ...recovery.toldMs) > limitMs) {
        breaches.push({ kind: 'recovered late', detail: `at ${seconds()} s: ${line}` })
      }
      onProgress(`${seconds()} s: ${line}; ${vendor.ledger.length} charges`)
    }
    turnsDone += 1
  }
  try {
    for (const kind of turns) await play(kind)
  } catch (error) {
    signal.throwIfAborted()
    if (!hasEnded()) throw error
  }
  await crowd.started
  for (const proxy of [...toVendor, toGateways]) proxy.heal()
  onProgress(`${seconds()} s: the faults are over`)

  await Promise.race([
    Promise.all([crowd.answered(), vendor.quiet(), clean.quiet()]),
    sleep(healWithinMs, undefined, { ref: false }),
  ])
  const see = async (more: Evidence['orders'] = []): Promise<Evidence> => {
    for (const charge of vendor.ledger) {
      const delivered = deliveries.get(charge.taskId)
      charge.answerTaken = delivered !== undefined && isTaken(delivered.delivery, cluster.members[delivered.by])
    }
    const [seen, probed] = [crowd.soFar(), probe.soFar()]
    return {
      ledger: [...vendor.ledger, ...clean.ledger],
      tasks: await allTasks(cluster.where),
      // These runs measure how soon orders are taken again. With a budget, an order waits for others of its caller.
      counted: null,
      orders: [...seen.orders, ...probed.orders, ...more],
      watches: [...seen.watches, ...probed.watches],
    }
  }
  const untilMs = performance.now() + healWithinMs
  const skipAtMs = performance.now() + options.skipMinutesAfterMs
  while (!stop.signal.aborted && compare(await see()).length > 0 && performance.now() < untilMs) {
    if (performance.now() >= skipAtMs) await skipMinute(cluster)
    await sleep(pollMs)
  }
  signal.throwIfAborted()
  onProgress(`${seconds()} s: healed, or not; every key is used once more`)
  const evidence = await see(await crowd.orderAgain())
  const ends = cluster.members.map(({ name, process }) => ({ name, times: process.ownEnds() }))

  return {
    breaches: [
      ...compare(evidence),
      ...breaches,
      ...ends
        .filter(({ times }) => times > 0)
        .map(({ name, times }): ClusterBreach => ({ kind: 'ended by itself', detail: `${name}: ${times} times` })),
    ],
    counts: {
      gateways,
      'orders answered with a task': evidence.orders.filter(({ ended }) => ended.kind === 'task').length,
      'tasks at the gateways': evidence.tasks.length,
      'orders refused by the vendor': vendor.counts.refused,
      'charges in the ledger': evidence.ledger.length,
      '… whose callback was taken': evidence.ledger.filter((charge) => charge.callbackTaken).length,
      'tasks never confirmed': evidence.tasks.filter(({ failure }) => failure?.code === 'SUBMISSION_UNCONFIRMED')
        .length,
      'callbacks sent': vendor.counts.callbacks + clean.counts.callbacks,
      'record-info asked': vendor.counts.reads + clean.counts.reads,
      'watches ended': evidence.watches.filter(({ ended }) => ended !== null).length,
    },
    struck: new Map(
      faultKinds.map((kind) => [
        kind,
        [...toVendor, toGateways].reduce((sum, proxy) => sum + (proxy.struck.get(kind) ?? 0), 0),
      ]),
    ),
    recoveries,
    settledAfterStopsMs,
    seconds: seconds(),
    lastWords: lastWordsOf(cluster),
  }
}

/** Every fault as often as it is planned, in an order that the seed says. */
function planTurns({
  seed,
  faults,
  stops,
  hasRedis = true,
}: ClusterRunOptions): readonly (ClusterFaultKind | 'a gateway stopped')[] {
  const random = createRandom(`${seed}/turns`)
  const turns = Object.entries({ ...faults, 'a gateway stopped': stops }).flatMap(([kind, times]) =>
    Array.from({ length: hasRedis || !needsRedis(kind as ClusterFaultKind) ? times : 0 }, () => ({
      kind: kind as ClusterFaultKind | 'a gateway stopped',
      at: random.next(),
    })),
  )
  return turns.toSorted((one, other) => one.at - other.at).map(({ kind }) => kind)
}

function isTaken({ arrivedAtMs, deliveredAtMs }: Delivery, member: Member | undefined): boolean {
  return member?.process.livedThrough(arrivedAtMs, deliveredAtMs + keepsAnswersWithinMs) === true
}

async function allTasks(where: Where): Promise<Evidence['tasks']> {
  return listTasks(where).catch(() => [])
}

/** Whatever is not to come at once comes a minute earlier. */
async function skipMinute({ query }: Cluster): Promise<void> {
  await query('update tasks set due_at = due_at - $1 where due_at > $2', [minuteMs, Date.now() + soonMs])
}
