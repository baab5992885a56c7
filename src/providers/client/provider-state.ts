/** Whether orders are paused: for nobody, for some callers or tracks, or for all. */
export type BreakerState = 'closed' | 'open-for-some' | 'open'

/** What the gateway knows of a provider by its last answers. */
export interface ProviderState {
  readonly isReachable: boolean
  readonly keys: readonly KeyState[]
  /** Whether the account has fewer credits than the operator wants to keep. null: nobody knows, or no threshold is set. */
  readonly areCreditsLow: boolean | null
  readonly breaker: BreakerState
}

/** What the gateway knows of an API key by the last answers. */
export interface KeyState {
  /** From 1. */
  readonly position: number
  readonly isAccepted: boolean
  /** Whether orders try other keys first, because it was refused or its account could not pay. */
  readonly isSetAside: boolean
}
