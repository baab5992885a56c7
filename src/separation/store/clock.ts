/** The time that all gateways of a store share: the database server's, where there is one. */
export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number
}
