import type { ProviderName } from '../separation/task.ts'

/** How fast the providers may be used: by this gateway, or by all that share these rates. */
export interface Rates {
  /** The rates of one provider. Asked for once: each time they begin anew where nothing is shared. */
  of(provider: ProviderName): ProviderRates
}

export interface ProviderRates {
  readonly orders: OrderRate
  readonly reads: ReadPace
}

/** At most `limit` orders in any ten seconds, whenever they are looked at. */
export interface OrderRate {
  readonly limit: number
  /** Takes a place if there is one; `giveBack` makes it free again. Never rejects. */
  take(): Promise<TakenPlace>
}

export type TakenPlace =
  | { readonly kind: 'taken'; readonly giveBack: () => void }
  /** How long until there may be a place, in milliseconds. */
  | { readonly kind: 'full'; readonly freeInMs: number }

/** The reads' turns, at a steady pace. */
export interface ReadPace {
  /** Resolves when it is the caller's turn to read. */
  turn(): Promise<void>
  /** Lets everybody through who waits or comes later, so that nobody holds the process up. */
  stop(): void
}

/** The time over which a provider counts orders: 20 in 10 s at kie, which refuses what exceeds them (`facts.md`). */
export const orderWindowMs = 10_000
