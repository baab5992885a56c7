import type { ProviderName } from '../task.ts'
import { createPoller, type PollerOptions } from './poller.ts'
import type { WakeUps } from './wake-ups.ts'

export interface CheckerOptions extends Omit<PollerOptions, 'provider'> {
  readonly providers: readonly ProviderName[]
  readonly wakeUps: WakeUps
}

/** Checks due tasks, with a poller for each provider: a provider that fails does not delay the others. */
export interface Checker {
  start(): void
  /** Stops polling, and resolves when the checks under way have ended. */
  stop(): Promise<void>
}

export function createChecker({ providers, wakeUps, ...options }: CheckerOptions): Checker {
  const pollers = new Map(providers.map((provider) => [provider, createPoller({ ...options, provider })]))

  return {
    start() {
      for (const poller of pollers.values()) poller.poll()
      wakeUps.listen((provider) => pollers.get(provider)?.poll())
    },
    async stop() {
      await Promise.all([...pollers.values()].map((poller) => poller.stop()))
    },
  }
}
