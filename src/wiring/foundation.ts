import type { Config } from '../config/config.ts'
import type { Log } from '../runtime/log.ts'
import type { Clock } from '../separation/store/clock.ts'
import type { Store } from '../separation/store/store.ts'

/** What every part of the gateway is built on. */
export interface Foundation {
  /** The configuration of the start, for what needs a restart to change. */
  readonly config: Config
  /** The configuration now, for what can be reloaded: see docs/decisions/0039-settings-that-change.md. */
  readonly live: () => Config
  readonly log: Log
  readonly store: Store
  readonly clock: Clock
  /** Where this gateway itself listens, for example `http://127.0.0.1:4000`. Right once it listens. */
  readonly url: () => string
  /** The base URL at which providers reach the gateway. */
  readonly publicUrl: () => string
}
