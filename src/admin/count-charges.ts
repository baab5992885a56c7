import type { ChargeCount } from '../separation/store/operator-store.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import type { SeparationType } from '../separation/task/separation-type.ts'

/** What charges are counted by. */
export type Dimension = 'day' | 'owner' | 'provider' | 'type'

/** What a type of separation costs at a provider, in credits; undefined if it is not known. */
export type PriceList = (provider: ProviderName, type: SeparationType) => number | undefined

export interface ChargeSums {
  readonly orders: number
  readonly charged: number
  /** Orders of which nobody knows whether they are charged. */
  readonly maybe: number
  /** What the charged ones cost; null if a price is missing. */
  readonly credits: number | null
}

export interface ChargeGroup {
  /** A value for each dimension. */
  readonly key: readonly string[]
  readonly sums: ChargeSums
}

/** Adds up the counts by these dimensions, in the order of their keys. Without dimensions there is one group, or none. */
export function countedCharges(
  counts: readonly ChargeCount[],
  by: readonly Dimension[],
  prices: PriceList,
): readonly ChargeGroup[] {
  const groups = new Map<string, ChargeGroup>()
  for (const count of counts) {
    const key = by.map((dimension) => valueOf(count, dimension))
    const name = JSON.stringify(key)
    groups.set(name, { key, sums: add(groups.get(name)?.sums ?? nothing, count, prices) })
  }
  return [...groups.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group)
}

const nothing: ChargeSums = { orders: 0, charged: 0, maybe: 0, credits: 0 }

function add(sums: ChargeSums, { provider, type, charge, orders }: ChargeCount, prices: PriceList): ChargeSums {
  const isCharged = charge === 'CHARGED'
  const price = type === null ? undefined : prices(provider, type)
  const cost = isCharged ? (price === undefined ? null : price * orders) : 0
  return {
    orders: sums.orders + orders,
    charged: sums.charged + (isCharged ? orders : 0),
    maybe: sums.maybe + (charge === 'MAYBE' ? orders : 0),
    credits: sums.credits === null || cost === null ? null : Math.round((sums.credits + cost) * 1e6) / 1e6,
  }
}

function valueOf({ startMs, owner, provider, type }: ChargeCount, dimension: Dimension): string {
  switch (dimension) {
    case 'day':
      return new Date(startMs).toISOString().slice(0, 10)
    case 'owner':
      return owner
    case 'provider':
      return provider
    case 'type':
      return type ?? 'unknown'
  }
}
