import type { ProviderName } from '../task/provider-name.ts'
import type { Task } from '../task/task.ts'

/** Finds the orders that wait to be sent. A task leaves them when `record` reports that it is sent or refused. */
export interface OrderQueueReader {
  /** The owners that have queued orders at this provider, in a fixed order, at most `limit`. An empty `after`: from the first. */
  queuedOwners(
    provider: ProviderName,
    page: { readonly after: string; readonly limit: number },
  ): Promise<readonly string[]>
  /** The oldest queued orders of an owner at this provider, oldest first, at most `limit`. */
  queuedOrders(provider: ProviderName, owner: string, limit: number): Promise<readonly Task[]>
}
