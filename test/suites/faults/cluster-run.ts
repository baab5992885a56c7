import { setTimeout as sleep } from 'node:timers/promises'
import { openPostgres } from '../../../src/stores/postgres/postgres-store.ts'
import { canary } from '../../support/canaries.ts'
import type { Ending } from '../../support/gateway.ts'
import { environmentOf, ordersOf, planCallers, seeCallers } from './callers.ts'
import { listTasks } from './client.ts'
import { createCluster, lastWordsOf, type Cluster } from './cluster.ts'
import type { ClusterBreach } from './cluster-breach.ts'
import type { FaultPlan } from './cluster-faults.ts'
import { startNetworks } from './cluster-networks.ts'
import { createClusterTurns, type ClusterTurns } from './cluster-turns.ts'
import { compare } from './compare.ts'
import { startCrowd } from './crowd.ts'
import { crowdCounts } from './crowd-counts.ts'
import type { Evidence } from './evidence.ts'
import { startFaultyReceiver } from './faulty-receiver.ts'
import { impatient } from './gateway-process.ts'
import { keptDays, storeOldTasks } from './old-tasks.ts'
import { planOrders } from './orders.ts'
import { createRandom } from './random.ts'
import { createRecoveryProbe } from './recovery.ts'
import { skipMinute } from './skip-minute.ts'

export interface ClusterRunOptions {
  /** The same seed makes the same orders, tracks and faults in the same order; what meets when is up to the machine. */
  readonly seed: string
  readonly program: string
  readonly gateways: number
  /** Whether the gateways use a Redis; faults of Redis are left out otherwise. Default: true. */
  readonly hasRedis?: boolean
  readonly separations: number
  /** How many tasks are to be deleted because of their age. */
  readonly oldTasks: number
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

export interface ClusterReport extends Pick<ClusterTurns, 'recoveries' | 'settledAfterStopsMs'> {
  readonly breaches: readonly ClusterBreach[]
  readonly counts: Readonly<Record<string, number>>
  /** The faults of the vendor's network. */
  readonly struck: ReadonlyMap<string, number>
  readonly seconds: number
  readonly lastWords: string
}

const silentLog = { debug() {}, info() {}, warn() {}, error() {} }
const pollMs = 300
/** How long old tasks are waited for after some of them have been deleted. */
const movingMs = 10_000
const webhookRetryMs = 300

/** Plays vendor, receiver, networks, clients and every fault of what gateways share, and compares the end with the ledger. */
export async function runClusterFaults(options: ClusterRunOptions, atEnd: Ending): Promise<ClusterReport> {
  const { seed, program, gateways, hasRedis = true, separations, healWithinMs, signal } = options
  const startedAtMs = performance.now()
  const seconds = () => Math.round((performance.now() - startedAtMs) / 1_000)
  const onProgress = (line: string) => options.onProgress(`${seconds()} s: ${line}`)
  const networks = await startNetworks({ seed, gateways, port: () => cluster.port() }, atEnd)
  const { vendor, clean } = networks
  const receiver = await startFaultyReceiver(createRandom(`${seed}/receiver`))
  atEnd(receiver.close)
  const groups = planOrders(seed, separations)
  const callers = planCallers(groups.length, receiver.url)
  const cluster: Cluster = await createCluster(
    {
      seed,
      program: impatient(program),
      size: gateways,
      hasRedis,
      environment: (index) => ({
        ...environmentOf(callers),
        KIE_API_KEY: `kie-key-${canary}`,
        KIE_BASE_URL: networks.toVendor(index),
        STEM_LINKS: 'direct',
        APIKLEY_API_KEY: `apikley-key-${canary}`,
        APIKLEY_BASE_URL: `http://127.0.0.1:${clean.port}`,
        PUBLIC_URL: networks.toGateways,
        CHECK_INTERVAL_SECONDS: '1',
        SUBMIT_TIMEOUT_SECONDS: '2',
        CHANGES: JSON.stringify({
          unconfirmedAfterMs: options.unconfirmedAfterSeconds * 1_000,
          webhookRetryDelaysMs: Array.from({ length: 1_000 }, () => webhookRetryMs),
        }),
        READS_PER_SECOND: '500',
        SUBMITS_PER_10_SECONDS: '1000000',
        TASKS_KEPT_DAYS: String(keptDays),
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
  const db = await openPostgres(cluster.databaseUrl, silentLog)
  const oldTasks = await storeOldTasks({ db, query: cluster.query, count: options.oldTasks })
  await db.destroy()
  await cluster.start()

  // The probe is anonymous and has no budget: with one, its orders would wait for others of its caller.
  const probe = createRecoveryProbe({ cluster, vendor: clean, stop: stop.signal })
  const turns = createClusterTurns({
    ...options,
    hasRedis,
    cluster,
    networks,
    probe,
    oldTasks,
    stop: stop.signal,
    onProgress,
  })
  const allowed = () => Math.ceil((groups.length * (turns.done() + 1)) / (turns.planned + 1))
  const crowd = startCrowd({
    seed,
    groups: ordersOf(callers, groups),
    where: cluster.where,
    stop: stop.signal,
    allowed,
  })
  // The faults begin while old tasks are being deleted, a second after the start.
  while (!stop.signal.aborted && (await oldTasks.countDeleted()) === 0) await sleep(pollMs)
  try {
    await turns.play()
  } catch (error) {
    signal.throwIfAborted()
    if (!hasEnded()) throw error
  }
  await crowd.started
  networks.heal()
  receiver.heal()
  const deletedMeanwhile = (await oldTasks.read()).expired.deleted
  onProgress(`the faults are over; ${vendor.ledger.length} charges`)

  await Promise.race([
    Promise.all([crowd.answered(), vendor.quiet(), clean.quiet()]),
    sleep(healWithinMs, undefined, { ref: false }),
  ])
  const see = async (more: Evidence['orders'] = []): Promise<Evidence> => {
    networks.markTakenAnswers(cluster.members)
    const [seen, probed] = [crowd.soFar(), probe.soFar()]
    const anonymous = await listTasks(cluster.where).catch(() => [])
    return {
      ledger: [...vendor.ledger, ...clean.ledger],
      callers: [
        ...(await seeCallers(cluster.where, callers)),
        { name: 'anonymous', tasks: anonymous, budget: null, told: null },
      ],
      told: [...receiver.told],
      purge: await oldTasks.read(),
      orders: [...seen.orders, ...probed.orders, ...more],
      watches: [...seen.watches, ...probed.watches],
    }
  }
  let untilMs = performance.now() + healWithinMs
  const skipAtMs = performance.now() + options.skipMinutesAfterMs
  while (!stop.signal.aborted && compare(await see()).length > 0 && performance.now() < untilMs) {
    if (performance.now() >= skipAtMs) await skipMinute(cluster.query)
    const deletion = await oldTasks.look()
    // How fast they are deleted is no promise.
    if (deletion === 'moving') untilMs = Math.max(untilMs, performance.now() + movingMs)
    if (deletion === 'stalled') {
      // A gateway looks for old tasks soon after its start, and then once a minute.
      await oldTasks.endLease()
      await cluster.members[0]?.process.kill()
      await cluster.members[0]?.process.start()
    }
    await sleep(pollMs)
  }
  signal.throwIfAborted()
  onProgress('healed, or not; every key is used once more')
  const charged = new Set(vendor.ledger.map(({ audioId }) => audioId))
  const evidence = await see(await crowd.orderAgain((audioId) => charged.has(audioId)))
  const ends = cluster.members.map(({ name, process }) => ({ name, times: process.ownEnds() }))
  const { recoveries, settledAfterStopsMs } = turns

  return {
    breaches: [
      ...compare(evidence),
      ...turns.breaches,
      ...ends
        .filter(({ times }) => times > 0)
        .map(({ name, times }): ClusterBreach => ({ kind: 'ended by itself', detail: `${name}: ${times} times` })),
    ],
    counts: {
      gateways,
      ...crowdCounts(evidence),
      'old tasks deleted during the faults': deletedMeanwhile,
      'webhooks that the receiver failed to take': receiver.failures(),
      'orders refused by the vendor': vendor.counts.refused,
      'charges in the ledger': evidence.ledger.length,
      '… whose callback was taken': evidence.ledger.filter((charge) => charge.callbackTaken).length,
      'callbacks sent': vendor.counts.callbacks + clean.counts.callbacks,
      'record-info asked': vendor.counts.reads + clean.counts.reads,
    },
    struck: networks.struck(),
    recoveries,
    settledAfterStopsMs,
    seconds: seconds(),
    lastWords: lastWordsOf(cluster),
  }
}
