import type { Config } from '../config/config.ts'
import type { Log } from '../runtime/log.ts'
import type { ProviderName } from '../separation/task.ts'

/** The gateway, listening. */
export interface App {
  /** Where it is, e.g. `http://127.0.0.1:4000`. */
  readonly url: string
  /** Where ADMIN_PORT is, e.g. `http://127.0.0.1:4001`; null: nowhere. */
  readonly adminUrl: string | null
  /** Where providers reach it. */
  readonly publicUrl: string
  /** The providers that are switched on, the default one first. */
  readonly providers: readonly ProviderName[]
  /** How many pending tasks wait for each provider that is switched off. */
  readonly waitingForDisabled: ReadonlyMap<ProviderName, number>
  /** How many subscriptions wait for a change. */
  subscriptions(): number
  /** Serves everybody for the shutdown delay, though it is not ready any more; then takes nothing new, waits for the submits under way, and closes everything. */
  close(): Promise<void>
}

export interface AppOptions {
  /** How many lines of the log were dropped, for the metrics. */
  readonly droppedLogLines?: () => number
}

/** Starts a gateway. Rejects if the store cannot be opened or the port is taken. */
export type StartApp = (config: Config, log: Log, options?: AppOptions) => Promise<App>
