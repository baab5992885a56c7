import type { Ending } from '../../support/gateway.ts'
import type { Member } from './cluster.ts'
import { callbackFaultKinds, faultKinds, startFaultProxy, type Delivery, type FaultProxy } from './fault-proxy.ts'
import { taskIdIn } from './ledger.ts'
import { createRandom } from './random.ts'
import { createGate, type Gate } from './stopped-gateway.ts'
import { startVendor, type Vendor } from './vendor.ts'

/** The vendors of a cluster, and the networks between them and the gateways. */
export interface ClusterNetworks {
  readonly vendor: Vendor
  /** Where the gateway with this index reaches the vendor. */
  toVendor(index: number): string
  /** Where the vendor reaches some gateway. */
  readonly toGateways: string
  /** Another vendor, which no fault lies before: what it shows is due to the gateways alone. */
  readonly clean: Vendor
  /** Holds up the answers of the clean vendor. */
  readonly gate: Gate
  /** From now on everything passes. */
  heal(): void
  /** How often each fault occurred. */
  struck(): ReadonlyMap<string, number>
  /** Marks the charges whose answer one of these gateways has received, and lived to store. */
  markTakenAnswers(members: readonly Member[]): void
}

export interface ClusterNetworksOptions {
  readonly seed: string
  readonly gateways: number
  /** The port of some living gateway; null if there is none. */
  readonly port: () => number | null
}

const faultShare = 0.15
/** An answer that came while PostgreSQL was away is kept in memory until it is back. */
const keepsAnswersWithinMs = 15_000

export async function startNetworks(options: ClusterNetworksOptions, atEnd: Ending): Promise<ClusterNetworks> {
  const { seed, gateways, port } = options
  const timing = { callbackTimeoutMs: 6_000, callbackPausesMs: [0, 500, 1_500, 4_000] }
  const vendor = await startVendor({ seed, reachability: async () => false, ...timing })
  atEnd(vendor.close)
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
    target: port,
    random: createRandom(`${seed}/to-gateways`),
    faultShare,
    kinds: callbackFaultKinds,
    reachability: null,
    onDelivered: () => {},
  })
  atEnd(toGateways.close)
  const proxies = [...toVendor, toGateways]

  return {
    vendor,
    toVendor: (index) => toVendor[index]?.url ?? '',
    toGateways: toGateways.url,
    clean,
    gate,
    heal() {
      for (const proxy of proxies) proxy.heal()
    },
    struck: () =>
      new Map(faultKinds.map((kind) => [kind, proxies.reduce((sum, proxy) => sum + (proxy.struck.get(kind) ?? 0), 0)])),
    markTakenAnswers(members) {
      for (const charge of vendor.ledger) {
        const delivered = deliveries.get(charge.taskId)
        charge.answerTaken = delivered !== undefined && isTaken(delivered.delivery, members[delivered.by])
      }
    },
  }
}

function isTaken({ arrivedAtMs, deliveredAtMs }: Delivery, member: Member | undefined): boolean {
  return member?.process.livedThrough(arrivedAtMs, deliveredAtMs + keepsAnswersWithinMs) === true
}
