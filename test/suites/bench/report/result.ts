/** One measured quantity: of the gateway, of its limit and of its peers, in the same rounds. */
export interface Result {
  /** For example `read one task`. The same in every run, so that runs can be compared. */
  readonly name: string
  /** For example `requests/s`. */
  readonly unit: string
  /** Whether a larger value is better. */
  readonly better: 'more' | 'less'
  /** The gateway's value in each round. */
  readonly gateway: readonly number[]
  /** What the gateway can reach at best; null if there is no such limit. */
  readonly limit: Series | null
  readonly peers: readonly Series[]
  readonly goal: Goal | null
  /** What a reader must know about these values, for example that the load generator was the bottleneck. */
  readonly notes: readonly string[]
}

export interface Series {
  /** For example `bare node:http`. */
  readonly name: string
  /** One value for each round. */
  readonly rounds: readonly number[]
}

/** `ratio` bounds the gateway's value divided by the limit's, `value` the gateway's value itself. */
export interface Goal {
  readonly of: 'ratio' | 'value'
  readonly bound: 'at least' | 'at most'
  readonly value: number
}

/** What one run measured, as its file stores it. */
export interface Run {
  /** ISO 8601. */
  readonly at: string
  /** For example `2 cores, Node v20.20.2`. */
  readonly machine: string
  /** The load average of the last minute, before and after the run. */
  readonly load: readonly [number, number]
  readonly commit: string | null
  readonly results: readonly Result[]
}
