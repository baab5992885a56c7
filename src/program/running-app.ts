import type { Config } from '../config/config.ts'
import type { Log } from '../runtime/log.ts'
import type { Clock } from '../separation/store/clock.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'

/** A listening gateway. */
export interface App {
  /** For example `http://127.0.0.1:4000`. */
  readonly url: string
  /** For example `http://127.0.0.1:4001`; null without ADMIN_PORT. */
  readonly adminUrl: string | null
  /** The base URL at which providers reach the gateway. */
  readonly publicUrl: string
  /** The providers that are on, the default one first. */
  readonly providers: readonly ProviderName[]
  /** The number of pending tasks of each provider that is off. */
  readonly waitingForDisabled: ReadonlyMap<ProviderName, number>
  /** The providers that are on and get no orders, because the operator has paused them. */
  pausedProviders(): readonly ProviderName[]
  /** Uses the rates and secrets of this configuration from now on. Orders and sockets go on. Ignores everything else. */
  reconfigure(config: Config): void
  /** The number of active subscriptions. */
  subscriptions(): number
  /**
   * Reports not ready but serves requests for the shutdown delay. Then accepts nothing new, waits for the running submits,
   * and closes everything.
   */
  close(): Promise<void>
}

export interface AppOptions {
  /** The time of leases, checks and conclusions. Default: the store's clock. */
  readonly clock?: Clock
  /** The number of dropped log lines, for the metrics. */
  readonly droppedLogLines?: () => number
}

/** Starts a gateway. Rejects if the store cannot be opened or the port is taken. */
export type StartApp = (config: Config, log: Log, options?: AppOptions) => Promise<App>
