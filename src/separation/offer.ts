import type { ProviderName } from './task/provider-name.ts'
import type { SeparationType } from './task/separation-type.ts'

/** The balance of the operator's account at a provider. */
export interface CreditBalance {
  readonly credits: number
  /** When it was read, in milliseconds since 1970. */
  readonly readAtMs: number
}

/** What an enabled provider offers to callers. */
export interface Offer {
  readonly name: ProviderName
  /** How long it keeps files after success, in milliseconds. */
  readonly retentionMs: number
  /** What the operator says that a separation costs, in credits. A type may be missing. */
  readonly prices: ReadonlyMap<SeparationType, number>
  /** Whether it accepts orders of this owner now, as far as the gateway knows: it answers, and accepts the gateway's key. */
  isAvailable(owner: string): boolean
  /** Whether the operator has paused it. */
  isPaused(): boolean
  /** The balance of all accounts together, at most a minute old. null if it cannot be read. */
  readCredits(): Promise<CreditBalance | null>
}
