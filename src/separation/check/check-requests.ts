import type { ProviderName } from '../task/provider-name.ts'
import type { Task } from '../task/task.ts'
import type { Reservation } from './poller.ts'

/** What serves the requests. */
export interface CheckServer {
  wake(provider: ProviderName): void
  reserve(provider: ProviderName, taskId: string): Reservation<Task>
}

/** How a callback asks for the check of its task. */
export interface CheckRequests {
  /** Signals that tasks of a provider have become due. A signal only saves waiting for the next poll, and may be lost. */
  wake(provider: ProviderName): void
  /** Reserves a seat for the check of a task. `full` before a checker serves the requests. */
  reserve(provider: ProviderName, taskId: string): Reservation<Task>
  serveBy(server: CheckServer): void
}

export function createCheckRequests(): CheckRequests {
  let server: CheckServer | null = null
  return {
    wake: (provider) => server?.wake(provider),
    reserve: (provider, taskId) => server?.reserve(provider, taskId) ?? 'full',
    serveBy: (given) => void (server = given),
  }
}
