/** Whether orders are paused: for nobody, for some callers or tracks, or for all. */
export type BreakerState = 'closed' | 'open-for-some' | 'open'

/** What the gateway knows of a provider by its last answers. */
export interface ProviderState {
  readonly isReachable: boolean
  /** Whether it accepts the gateway's API key. */
  readonly isKeyAccepted: boolean
  readonly breaker: BreakerState
}
