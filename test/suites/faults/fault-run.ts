import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseSync } from '@photostructure/sqlite'
import { openSqlite } from '../../../src/stores/sqlite/sqlite-store.ts'
import { environmentOf, ordersOf, planCallers, seeCallers } from './callers.ts'
import { compare } from './compare.ts'
import { crowdCounts } from './crowd-counts.ts'
import { startCrowd } from './crowd.ts'
import type { Breach, Evidence } from './evidence.ts'
import { callbackFaultKinds, faultKinds, startFaultProxy, type Delivery } from './fault-proxy.ts'
import { startFaultyReceiver } from './faulty-receiver.ts'
import { createGatewayProcess, impatient, type GatewayProcess } from './gateway-process.ts'
import { createPace, killOften } from './kill-often.ts'
import { createKiller, type KillPoint } from './kill-points.ts'
import { taskIdIn } from './ledger.ts'
import { planOrders } from './orders.ts'
import { skipMinute } from './skip-minute.ts'
import { createRandom } from './random.ts'
import { keptDays, storeOldTasks } from './old-tasks.ts'
import { startVendor, type Vendor } from './vendor.ts'
import { canary } from '../../support/canaries.ts'

export interface FaultRunOptions {
  /** The path of the gateway's program. */
  readonly program: string
  /** The same seed makes the same orders, tracks, faults and kills; what meets when is up to the machine. */
  readonly seed: string
  readonly separations: number
  readonly kills: number
  /** How many tasks are to be deleted because of their age. */
  readonly oldTasks: number
  /** The rate of the gateway; every life of it begins with all slots free. Orders beyond it are queued or refused. */
  readonly submitsPer10Seconds: number
  /** The maximum time in milliseconds before the next kill is prepared. */
  readonly longestLifeMs: number
  /** The time after which an order without an answer counts as unconfirmed. */
  readonly unconfirmedAfterSeconds: number
  /** The time that the gateway has to recover after the faults. */
  readonly healWithinMs: number
  /**
   * How long it is left alone to heal. After that the times in its file are moved back again and again, as if minutes
   * had passed: the leases of the killed have ended and late questions are due.
   */
  readonly skipMinutesAfterMs: number
  readonly onProgress: (line: string) => void
  /** Aborts the run, which then throws. */
  readonly signal: AbortSignal
}

export interface FaultReport {
  readonly breaches: readonly Breach[]
  readonly counts: Readonly<Record<string, number>>
  readonly struck: ReadonlyMap<string, number>
  readonly killed: ReadonlyMap<KillPoint, number>
  readonly seconds: number
  /** The last lines of the gateways' standard error. */
  readonly lastWords: string
}

const faultShare = 0.45
/** How many orders are ordered by `separateAll`. */
const togetherShare = 0.5
/** The time that a gateway must live after the last byte of an answer for the answer to count as received. */
const readsAnswersWithinMs = 1_000
const pollMs = 300
/** How long old tasks are waited for after some of them have been deleted. */
const movingMs = 10_000
const webhookRetryMs = 300

/** Runs vendor, networks, clients and kills against a real gateway, lets it recover and compares it with the ledger. */
export async function runFaults(options: FaultRunOptions): Promise<FaultReport> {
  const { program, seed, onProgress, healWithinMs } = options
  const startedAtMs = performance.now()
  const seconds = () => Math.round((performance.now() - startedAtMs) / 1_000)
  const folder = await mkdtemp(join(tmpdir(), 'stemgate-faults-'))
  const endings: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    const path = join(folder, 'stemgate.db')
    const deliveries = new Map<string, Delivery>()
    const stop = new AbortController()
    const killer = createKiller(() => gateway.kill())
    const vendor = await startVendor({
      seed,
      reachability: killer.reachability,
      callbackTimeoutMs: 2_000,
      callbackPausesMs: [0, 300, 800, 1_500],
    })
    endings.push(vendor.close)
    const toVendor = await startFaultProxy({
      target: () => vendor.port,
      random: createRandom(`${seed}/to-vendor`),
      faultShare,
      kinds: faultKinds,
      reachability: killer.reachability,
      onDelivered: (delivery) => deliveries.set(taskIdIn(delivery.request), delivery),
    })
    endings.push(toVendor.close)
    const toGateway = await startFaultProxy({
      target: () => gateway.port(),
      random: createRandom(`${seed}/to-gateway`),
      faultShare,
      kinds: callbackFaultKinds,
      reachability: null,
      onDelivered: () => {},
    })
    endings.push(toGateway.close)
    const receiver = await startFaultyReceiver(createRandom(`${seed}/receiver`))
    endings.push(receiver.close)
    const groups = planOrders(seed, options.separations)
    const callers = planCallers(groups.length, receiver.url)
    const gateway = createGatewayProcess([process.execPath, impatient(program)], {
      DATABASE_URL: `file:${path}`,
      KIE_API_KEY: `kie-key-${canary}`,
      KIE_BASE_URL: toVendor.url,
      PUBLIC_URL: toGateway.url,
      CHANGES: JSON.stringify({
        checkIntervalMs: 250,
        unconfirmedAfterMs: options.unconfirmedAfterSeconds * 1_000,
        webhookRetryDelaysMs: Array.from({ length: 1_000 }, () => webhookRetryMs),
      }),
      ...environmentOf(callers),
      SUBMIT_TIMEOUT_SECONDS: '1',
      READS_PER_SECOND: '1000',
      // The ledger names the addresses of the vendor.
      STEM_LINKS: 'direct',
      TASKS_KEPT_DAYS: String(keptDays),
      SUBMITS_PER_10_SECONDS: String(options.submitsPer10Seconds),
      SUBMIT_WAIT_SECONDS: '0',
      GRAPHIQL: 'false',
      LOG_LEVEL: 'error',
    })
    endings.push(gateway.close, () => stop.abort())
    options.signal.addEventListener('abort', () => void gateway.close())

    const { db } = await openSqlite(path)
    const query = createQuery(path)
    const oldTasks = await storeOldTasks({ db, query, count: options.oldTasks })
    await db.destroy()
    await gateway.start()
    const pace = createPace(groups.length, options.kills)
    const crowd = startCrowd({
      seed,
      groups: ordersOf(callers, groups),
      where: gateway.url,
      stop: stop.signal,
      allowed: pace.allowed,
      togetherShare,
    })
    const killed = await killOften({ ...options, gateway, killer, oldTasks }, async (count) => {
      pace.step()
      await oldTasks.endLease()
      if (count % 20 === 0) onProgress(`${seconds()} s: ${count} kills, ${vendor.ledger.length} charges`)
    })
    await crowd.started
    // Requests that are still in flight must suffer faults as well.
    await sleep(options.unconfirmedAfterSeconds * 500)
    toVendor.heal()
    toGateway.heal()
    receiver.heal()
    const deletedMeanwhile = (await oldTasks.read()).expired.deleted
    onProgress(`${seconds()} s: the faults are over`)
    await Promise.race([
      Promise.all([crowd.answered(), vendor.quiet()]),
      sleep(healWithinMs, undefined, { ref: false }),
    ])
    const see = async (more: Evidence['orders'] = []): Promise<Evidence> => {
      for (const charge of vendor.ledger) charge.answerTaken = isTaken(deliveries.get(charge.taskId), gateway)
      const { orders, watches } = crowd.soFar()
      return {
        ledger: vendor.ledger,
        callers: await seeCallers(gateway.url, callers),
        told: [...receiver.told],
        purge: await oldTasks.read(),
        orders: [...orders, ...more],
        watches,
      }
    }
    options.signal.throwIfAborted()
    let untilMs = performance.now() + healWithinMs
    const skipAtMs = performance.now() + options.skipMinutesAfterMs
    while (compare(await see()).length > 0 && performance.now() < untilMs) {
      options.signal.throwIfAborted()
      if (performance.now() >= skipAtMs) await skipMinute(query)
      const deletion = await oldTasks.look()
      // How fast they are deleted is no promise.
      if (deletion === 'moving') untilMs = Math.max(untilMs, performance.now() + movingMs)
      if (deletion === 'stalled') {
        // A gateway looks for old tasks soon after its start, and then once a minute.
        await oldTasks.endLease()
        await gateway.kill()
        await gateway.start()
      }
      await sleep(pollMs)
    }
    onProgress(`${seconds()} s: healed, or not; every key is used once more`)
    const charged = new Set(vendor.ledger.map(({ audioId }) => audioId))
    const evidence = await see(await crowd.orderAgain((audioId) => charged.has(audioId)))

    const ends = gateway.ownEnds()
    return {
      breaches: [
        ...compare(evidence),
        ...(ends === 0
          ? []
          : [{ kind: 'contradictions', detail: `the gateway ended by itself ${ends} times` } as const]),
      ],
      counts: {
        ...countsOf(evidence, vendor),
        'old tasks deleted during the faults': deletedMeanwhile,
        'webhooks that the receiver failed to take': receiver.failures(),
      },
      struck: new Map(
        faultKinds.map((kind) => [kind, (toVendor.struck.get(kind) ?? 0) + (toGateway.struck.get(kind) ?? 0)]),
      ),
      killed,
      seconds: seconds(),
      lastWords: gateway.lastWords(),
    }
  } finally {
    for (const end of endings.toReversed()) await end()
  }
}

function isTaken(delivery: Delivery | undefined, gateway: GatewayProcess): boolean {
  return (
    delivery !== undefined && gateway.livedThrough(delivery.arrivedAtMs, delivery.deliveredAtMs + readsAnswersWithinMs)
  )
}

/** Asks the database in its file. */
function createQuery(path: string) {
  return async (sql: string): Promise<readonly Record<string, unknown>[]> => {
    const database = new DatabaseSync(path, { timeout: 5_000 })
    try {
      return database.prepare(sql).all()
    } finally {
      database.close()
    }
  }
}

function countsOf(evidence: Evidence, { counts }: Vendor): Record<string, number> {
  const { ledger } = evidence
  return {
    ...crowdCounts(evidence),
    'orders refused by the vendor': counts.refused,
    'charges in the ledger': ledger.length,
    '… whose callback was taken': ledger.filter((charge) => charge.callbackTaken).length,
    '… whose answer was taken': ledger.filter((charge) => charge.answerTaken).length,
    'callbacks sent': counts.callbacks,
    'record-info asked': counts.reads,
  }
}
