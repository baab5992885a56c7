import DataLoader from 'dataloader'
import type { TaskRef } from '../separation/read/find.ts'
import type { Separations } from '../separation/separations.ts'
import type { ProviderName, Task } from '../separation/task.ts'
import type { RequestRate } from '../limits/request-rate.ts'
import type { ConcurrencyLimit } from '../limits/concurrency-limit.ts'

/** Who asks. */
export interface Caller {
  /** In whose name tasks are ordered, read and listed. */
  readonly owner: string
  /** Whether a provider's task that nobody has yet may become the caller's: not where a request must change nothing. */
  readonly mayAdopt: boolean
}

/** What the gateway lends to every operation. */
export interface Services {
  readonly separations: Separations
  readonly separateRate: RequestRate
  /** How many subscriptions each caller has open, over all transports. */
  readonly subscriptionLimit: ConcurrencyLimit
  /** The providers that are switched on. */
  readonly providers: readonly ProviderName[]
  /** How long a provider keeps the files, in milliseconds. */
  retentionMsOf(provider: ProviderName): number
}

/** What a resolver has at hand. */
export interface Context extends Services {
  readonly caller: Caller
  /** Reads the caller's tasks, all that one operation asks for at once. Not for subscriptions: it would remember the past. */
  readonly tasks: Pick<DataLoader<TaskRef, Task | null>, 'load'>
}

/** Makes the context of one operation. */
export function createContext(services: Services, caller: Caller): Context {
  const { separations } = services
  const tasks = new DataLoader<TaskRef, Task | null, string>((refs) => separations.find(caller.owner, refs, caller), {
    cacheKeyFn: ({ taskId, provider }) => JSON.stringify([taskId, provider]),
  })
  return { ...services, caller, tasks }
}
