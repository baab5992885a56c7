import { setTimeout as sleep } from 'node:timers/promises'
import type { Ending } from '../../support/gateway.ts'
import { orderUntilAnswered, type Order } from './client.ts'
import { createCluster } from './cluster.ts'
import type { ClusterBreach } from './cluster-breach.ts'
import { startVendor, type Vendor } from './vendor.ts'
import { canary } from '../../support/canaries.ts'

export interface PaceOptions {
  readonly program: string
  readonly gateways: number
  /** Whether the gateways count in a Redis, and not in the database. */
  readonly hasRedis: boolean
  /** How many tasks stay pending. */
  readonly tasks: number
  readonly intervalSeconds: number
  /** How many intervals are looked at. */
  readonly intervals: number
  /** null: as many as they like. */
  readonly readsPerSecond: number | null
  readonly submitsPer10Seconds: number | null
  readonly signal: AbortSignal
}

/** How a vendor was asked by all gateways together. */
export interface PaceReport {
  readonly gateways: number
  /** How often each task was asked for. */
  readonly reads: {
    readonly intervals: number
    readonly min: number
    readonly max: number
    readonly mean: number
  }
  /** In any rolling window; null where there was no limit. */
  readonly mostReads: { readonly limit: number; readonly most: number } | null
  readonly mostOrders: { readonly limit: number; readonly most: number } | null
  readonly breaches: readonly ClusterBreach[]
}

const beyondAll = 1_000_000
/** How long it may take until every task was asked for once. */
const patienceMs = 15_000
/** A place is given before the order is written down and sent: what has its place late in a window may arrive nearer together. */
const arrivesWithin = 0.8
/** At least this part of a rate is used while more is wanted than it allows. */
const leastUse = 0.6
/** The jitter makes an interval a tenth shorter or longer, and a task that is due is looked for a little later. */
const [leastShare, mostShare] = [0.6, 1.2]

/** Leaves tasks pending for some intervals and counts at the vendor. */
export async function measurePace(options: PaceOptions, atEnd: Ending): Promise<PaceReport> {
  const {
    program,
    gateways,
    hasRedis,
    tasks,
    intervalSeconds,
    intervals,
    readsPerSecond,
    submitsPer10Seconds,
    signal,
  } = options
  const seed = `pace of ${gateways}`
  const vendor = await startVendor({
    seed,
    reachability: async () => false,
    callbackTimeoutMs: 5_000,
    callbackPausesMs: [],
  })
  atEnd(vendor.close)
  const environment = {
    KIE_API_KEY: `kie-key-${canary}`,
    KIE_BASE_URL: `http://127.0.0.1:${vendor.port}`,
    CHECK_INTERVAL_SECONDS: String(intervalSeconds),
    READS_PER_SECOND: String(readsPerSecond ?? 1_000),
    SUBMITS_PER_10_SECONDS: String(submitsPer10Seconds ?? beyondAll),
  }
  const cluster = await createCluster(
    { seed, program, size: gateways, hasRedis, environment: () => environment },
    atEnd,
  )
  await cluster.start()
  const newOrder = (audioId: string): Order => {
    const musicTaskId = `music-of-${audioId}`
    return { musicTaskId, audioId, type: 'SEPARATE_VOCAL', idempotencyKey: null, force: false }
  }
  // The first order of a process takes far longer than every other.
  const first = cluster.members.map(({ process }, index) => ({ process, order: newOrder(`first${index}-steady`) }))
  await Promise.all(first.map(({ process, order }) => orderUntilAnswered(process.url, order, signal)))
  const orders = Array.from({ length: tasks }, (_, index) => newOrder(`${index}-held`))
  await Promise.all(orders.map((order) => orderUntilAnswered(cluster.where, order, signal)))
  const ids = orders.map(
    (order) => vendor.ledger.find(({ audioId }) => audioId === order.audioId)?.providerTaskId ?? '',
  )
  const neverAsked = () => {
    const isAskedFor = new Set(readsOf(vendor).map(({ of }) => of))
    return ids.filter((id) => !isAskedFor.has(id)).length
  }
  const untilMs = performance.now() + patienceMs
  while (neverAsked() > 0 && performance.now() < untilMs) {
    signal.throwIfAborted()
    await sleep(50)
  }
  const fromMs = performance.now()
  const forMs = intervals * intervalSeconds * 1_000
  await sleep(forMs)
  const reads = readsOf(vendor).filter(({ of, atMs }) => ids.includes(of) && atMs >= fromMs && atMs < fromMs + forMs)
  const times = ids.map((id) => reads.filter(({ of }) => of === id).length)
  const [min, max, mean] = [Math.min(...times), Math.max(...times), reads.length / tasks]

  const breaches: ClusterBreach[] = []
  const breach = (detail: string) =>
    breaches.push({ kind: 'asked out of pace', detail: `${gateways} gateways: ${detail}` })
  const tracks = tasks + gateways
  if (vendor.ledger.length !== tracks) breach(`${vendor.ledger.length} charges for ${tracks} tracks`)
  if (neverAsked() > 0) breach(`${neverAsked()} of ${tasks} tasks were never asked for`)
  if (max > intervals * mostShare) breach(`a task was asked for ${max} times in ${intervals} intervals`)
  if (readsPerSecond === null && min < intervals * leastShare) {
    breach(`a task was asked for only ${min} times in ${intervals} intervals`)
  }
  if (readsPerSecond !== null && reads.length < (leastUse * readsPerSecond * forMs) / 1_000) {
    breach(`only ${reads.length} reads in ${forMs / 1_000} s, where ${readsPerSecond} a second are allowed and wanted`)
  }
  const mostReads = mostWithin(vendor, 'read', 1_000, readsPerSecond)
  const mostOrders = mostWithin(vendor, 'order', 10_000, submitsPer10Seconds)
  for (const { limit, most } of [mostReads, mostOrders].filter((each) => each !== null)) {
    if (most > limit) breach(`${most} requests in a window of ${limit}`)
  }
  return { gateways, reads: { intervals, min, max, mean }, mostReads, mostOrders, breaches }
}

function readsOf(vendor: Vendor): Vendor['asked'] {
  return vendor.asked.filter(({ kind }) => kind === 'read')
}

function mostWithin(
  { asked }: Vendor,
  kind: 'order' | 'read',
  windowMs: number,
  limit: number | null,
): { readonly limit: number; readonly most: number } | null {
  if (limit === null) return null
  const atMs = asked.filter((each) => each.kind === kind).map((each) => each.atMs)
  let most = 0
  for (let last = 0, first = 0; last < atMs.length; last++) {
    while ((atMs[last] ?? 0) - (atMs[first] ?? 0) >= windowMs * arrivesWithin) first += 1
    most = Math.max(most, last - first + 1)
  }
  return { limit, most }
}
