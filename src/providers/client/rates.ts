import type { ProviderName } from '../../separation/task/provider-name.ts'

/** The rate limits of the providers, for this gateway or for all gateways that share them. */
export interface Rates {
  /** The rates of one provider. Call it once a provider: without Redis, each call returns new counters. */
  of(provider: ProviderName): ProviderRates
}

export interface ProviderRates {
  readonly orders: OrderRate
  readonly reads: ReadRate
}

/**
 * At most `limit` orders in any period of 10 seconds. While other callers wait, one caller holds at most half of the slots.
 * A caller that got no slot counts as waiting until 10 seconds after its `freeInMs` has passed.
 */
export interface OrderRate {
  readonly limit: () => number
  /** Takes a slot for the caller, unless waiting orders need the free ones. Never rejects. */
  acquire(caller: string, waiting?: WaitingOrders): Promise<Slot>
}

/** The number of waiting orders that are served before this one. */
export interface WaitingOrders {
  /** Of all callers, including this one. */
  readonly all: number
  /** Of this caller. */
  readonly own: number
}

export type Slot = AcquiredSlot | NoSlot

export interface AcquiredSlot {
  readonly kind: 'acquired'
  /** Frees the slot: the order is not sent. */
  readonly release: () => void
  /** The order is sent now: the provider counts it from now on, and not since the slot was taken. */
  readonly sent: () => void
}

export interface NoSlot {
  readonly kind: 'full'
  /** How long until there may be a slot for this order, in milliseconds. */
  readonly freeInMs: number
  /** Whether no caller can get a slot now. */
  readonly isFull: boolean
  /** Whether the caller holds half of the slots while other callers wait. */
  readonly isShareUsed: boolean
}

/** Slots for reads, at a constant rate. */
export interface ReadRate {
  /** Resolves when the caller may read. */
  acquire(): Promise<void>
  /** Resolves all waiting and later calls of `acquire`, so that none delays the exit. */
  stop(): void
}

/** The period over which a provider counts orders: Kie refuses more than 20 in 10 s (`docs/providers.md, "Rates"`). */
export const orderWindowMs = 10_000
