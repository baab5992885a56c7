import type { Cluster } from './cluster.ts'
import type { ClusterBreach } from './cluster-breach.ts'
import { limitMsOf, mend, needsRedis, strike, type ClusterFaultKind, type FaultPlan } from './cluster-faults.ts'
import type { ClusterNetworks } from './cluster-networks.ts'
import type { OldTasks } from './old-tasks.ts'
import { createRandom } from './random.ts'
import type { Recovery, RecoveryProbe } from './recovery.ts'
import { playStop } from './stopped-gateway.ts'

/** The faults of what the gateways share, one after the other. */
export interface ClusterTurns {
  /** How many there are, and how many are over. */
  readonly planned: number
  done(): number
  /** Plays all of them. */
  play(): Promise<void>
  readonly breaches: readonly ClusterBreach[]
  /** What became of each fault, in turn. */
  readonly recoveries: readonly ClusterRecovery[]
  /** How long after each stop the others had settled the stopped one's tasks, in milliseconds. */
  readonly settledAfterStopsMs: readonly number[]
}

export type ClusterRecovery = Recovery & { readonly kind: ClusterFaultKind; readonly met: number }

export interface ClusterTurnsOptions {
  readonly seed: string
  readonly faults: FaultPlan
  /** How often a gateway is stopped for longer than a claim's lease. */
  readonly stops: number
  /** Whether the gateways use a Redis; its faults are left out otherwise. */
  readonly hasRedis: boolean
  readonly cluster: Cluster
  readonly networks: Pick<ClusterNetworks, 'clean' | 'gate'>
  readonly probe: RecoveryProbe
  readonly oldTasks: Pick<OldTasks, 'endLease'>
  readonly stop: AbortSignal
  readonly onProgress: (line: string) => void
}

export function createClusterTurns(options: ClusterTurnsOptions): ClusterTurns {
  const { seed, cluster, networks, probe, oldTasks, stop, onProgress } = options
  const turns = planTurns(options)
  const random = createRandom(`${seed}/cluster-faults`)
  const breaches: ClusterBreach[] = []
  const recoveries: ClusterRecovery[] = []
  const settledAfterStopsMs: number[] = []
  let done = 0

  async function playStopOf(): Promise<void> {
    const { clean: vendor, gate } = networks
    const member = random.pick(cluster.members)
    if (member === null) throw new Error('A cluster has members.')
    const stopped = await playStop({ cluster, vendor, gate, member, index: done, stop })
    breaches.push(...stopped.breaches)
    settledAfterStopsMs.push(stopped.settledAfterMs)
    onProgress(`a gateway stopped: its tasks were settled after ${Math.round(stopped.settledAfterMs)} ms`)
  }

  async function playFault(kind: ClusterFaultKind): Promise<void> {
    const prepared = await probe.prepare()
    const met = await strike(kind, cluster, random)
    // As if its lease had ended: a gateway looks for old tasks soon after its start.
    if (kind === 'a gateway killed') await oldTasks.endLease()
    const limitMs = limitMsOf(kind)
    const recovery = { kind, met, ...(await prepared.measure(limitMs * 2)) }
    await mend(kind, cluster)
    recoveries.push(recovery)
    const [ordersMs, toldMs] = [Math.max(...recovery.ordersMs), Math.max(...recovery.toldMs)].map(Math.round)
    const line = `${kind} (${met}): orders again after ${ordersMs} ms, told after ${toldMs} ms`
    if (Math.max(...recovery.ordersMs, ...recovery.toldMs) > limitMs) {
      breaches.push({ kind: 'recovered late', detail: `turn ${done + 1}: ${line}` })
    }
    onProgress(line)
  }

  return {
    planned: turns.length,
    done: () => done,
    async play() {
      for (const kind of turns) {
        await (kind === 'a gateway stopped' ? playStopOf() : playFault(kind))
        done += 1
      }
    },
    breaches,
    recoveries,
    settledAfterStopsMs,
  }
}

/** Every fault as often as it is planned, in an order that the seed says. */
function planTurns({
  seed,
  faults,
  stops,
  hasRedis,
}: ClusterTurnsOptions): readonly (ClusterFaultKind | 'a gateway stopped')[] {
  const random = createRandom(`${seed}/turns`)
  const turns = Object.entries({ ...faults, 'a gateway stopped': stops }).flatMap(([kind, times]) =>
    Array.from({ length: hasRedis || !needsRedis(kind as ClusterFaultKind) ? times : 0 }, () => ({
      kind: kind as ClusterFaultKind | 'a gateway stopped',
      at: random.next(),
    })),
  )
  return turns.toSorted((one, other) => one.at - other.at).map(({ kind }) => kind)
}
