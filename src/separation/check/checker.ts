import type { ProviderName } from '../task.ts'
import type { CheckRequests } from './check-requests.ts'
import { createPoller, type PollerOptions } from './poller.ts'

export interface CheckerOptions extends Omit<PollerOptions, 'provider'> {
  readonly providers: readonly ProviderName[]
  readonly requests: CheckRequests
}

/** Checks due tasks, with a poller for each provider: a provider that fails does not delay the others. */
export interface Checker {
  start(): void
  /** Stops polling, and resolves when the checks under way have ended. */
  stop(): Promise<void>
}

export function createChecker({ providers, requests, ...options }: CheckerOptions): Checker {
  const pollers = new Map(providers.map((provider) => [provider, createPoller({ ...options, provider })]))

  return {
    start() {
      for (const poller of pollers.values()) poller.poll()
      requests.serveBy({
        wake: (provider) => pollers.get(provider)?.poll(),
        reserve: (provider, taskId) => pollers.get(provider)?.reserve(taskId) ?? 'full',
      })
    },
    async stop() {
      await Promise.all([...pollers.values()].map((poller) => poller.stop()))
    },
  }
}
