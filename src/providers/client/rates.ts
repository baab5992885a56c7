import type { ProviderName } from '../../separation/task.ts'

/** How fast the providers may be used: by this gateway, or by all that share these rates. */
export interface Rates {
  /** The rates of one provider. Asked for once: each time they begin anew where nothing is shared. */
  of(provider: ProviderName): ProviderRates
}

export interface ProviderRates {
  readonly orders: OrderRate
  readonly reads: ReadRate
}

/**
 * At most `limit` orders in any ten seconds, whenever they are looked at, of which no caller holds more than half while
 * others wait. A caller that was refused a slot counts as waiting until ten seconds after the time for which it was told
 * to come again.
 */
export interface OrderRate {
  readonly limit: number
  /** Takes a slot for the caller, unless the free ones are needed by orders that wait already. Never rejects. */
  acquire(caller: string, waiting?: WaitingOrders): Promise<Slot>
}

/** How many waiting orders are served before this one. */
export interface WaitingOrders {
  /** Of all callers, this one included. */
  readonly all: number
  /** Of this caller. */
  readonly own: number
}

export type Slot =
  /** `release` makes it free again. */
  { readonly kind: 'acquired'; readonly release: () => void } | NoSlot

export interface NoSlot {
  readonly kind: 'full'
  /** How long until there may be a slot for this order, in milliseconds. */
  readonly freeInMs: number
  /** Whether nobody is given a slot now. */
  readonly isFull: boolean
  /** Whether the caller holds its half of the slots while others wait. */
  readonly isShareUsed: boolean
}

/** The reads' turns, at a steady pace. */
export interface ReadRate {
  /** Resolves when it is the caller's turn to read. */
  acquire(): Promise<void>
  /** Lets everybody through who waits or comes later, so that nobody holds the process up. */
  stop(): void
}

/** The time over which a provider counts orders: 20 in 10 s at kie, which refuses what exceeds them (`facts.md`). */
export const orderWindowMs = 10_000
