import type { CheckQueue } from '../store/check-queue.ts'
import type { ProviderName } from '../task/provider-name.ts'
import type { Task } from '../task/task.ts'
import type { CheckRequests } from './check-requests.ts'
import { createPoller, type PollerOptions } from './poller.ts'

export interface CheckerOptions extends Pick<PollerOptions<Task>, 'clock' | 'work' | 'log' | 'pollIntervalMs'> {
  readonly queue: Pick<CheckQueue, 'leaseDue' | 'renew' | 'release'>
  readonly providers: readonly ProviderName[]
  readonly requests: CheckRequests
  /** The rate limit of each provider for reads. Called at each use, as it may be replaced. */
  readonly readsPerSecond: () => number
}

/** Checks due tasks, with a poller for each provider: a provider that fails does not delay the others. */
export interface Checker {
  start(): void
  /** Stops polling, and resolves when the checks under way have ended. */
  stop(): Promise<void>
}

export function createChecker({ providers, requests, queue, readsPerSecond, ...options }: CheckerOptions): Checker {
  const pollerOf = (provider: ProviderName) =>
    createPoller({
      ...options,
      queue: { ...queue, leaseDue: (...due) => queue.leaseDue(provider, ...due) },
      name: 'checks',
      detail: { provider },
      ratePerSecond: readsPerSecond,
    })
  const pollers = new Map(providers.map((provider) => [provider, pollerOf(provider)]))

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
