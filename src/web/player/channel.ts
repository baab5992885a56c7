/** How a stem is mixed. */
export interface Channel {
  readonly isMuted: boolean
  readonly isSolo: boolean
  /** From 0 to 1. */
  readonly volume: number
}
