/** Lets one gateway of a database do some work at a time. */
export interface WorkLeases {
  /**
   * Takes the lease of this name until `untilMs`, unless it is held until after `nowMs`. Nobody has to give it back: what ends it
   * early is `extendLease` to an earlier time. Times are milliseconds since 1970.
   */
  takeLease(name: string, nowMs: number, untilMs: number): Promise<boolean>
  /** Changes the end of a lease that is held. Returns false if somebody else has taken it. */
  extendLease(name: string, untilMs: number, newUntilMs: number): Promise<boolean>
}
