import type { Ending } from '../../../support/gateway.ts'
import type { Result } from '../report/result.ts'
import type { BareServers } from '../servers/build-servers.ts'

/** What the figures of one run share. */
export interface Setting {
  /** The path of the built gateway. */
  readonly program: string
  readonly servers: BareServers
  /** Whether servers and load have a CPU each. */
  readonly isPinned: boolean
  /** An empty folder on a real disk, for databases. */
  readonly folder: string
  readonly rounds: number
  /** How long one measurement of a rate lasts. */
  readonly seconds: number
  /** The folder into which gateways write a CPU profile when they end; null for none. A profiled gateway is slower. */
  readonly profiles: string | null
  readonly onProgress: (line: string) => void
}

/** What `--only` selects: one or more results that are measured together. */
export interface Figure {
  readonly name: string
  /** What it measures, for `--help`. */
  readonly about: string
  /** @param atEnd ends what the figure has started */
  measure(setting: Setting, atEnd: Ending): Promise<readonly Result[]>
}
