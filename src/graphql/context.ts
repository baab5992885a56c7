import DataLoader from 'dataloader'
import type { TaskRef } from '../separation/find.ts'
import type { Separations } from '../separation/separations.ts'
import type { ProviderName, Task } from '../separation/task.ts'

/** Who asks. */
export interface Caller {
  /** In whose name tasks are ordered, read and listed. */
  readonly owner: string
}

/** What the gateway lends to every operation. */
export interface Gateway {
  readonly separations: Separations
  /** The providers that are switched on. */
  readonly providers: readonly ProviderName[]
  /** How long a provider keeps the files, in milliseconds. */
  retentionMsOf(provider: ProviderName): number
}

/** What a resolver has at hand. */
export interface Context extends Gateway {
  readonly caller: Caller
  /** Reads the caller's tasks, all that one operation asks for at once. Not for subscriptions: it would remember the past. */
  readonly tasks: Pick<DataLoader<TaskRef, Task | null>, 'load'>
}

/** Makes the context of one operation. */
export function createContext(gateway: Gateway, caller: Caller): Context {
  const { separations, providers, retentionMsOf } = gateway
  const tasks = new DataLoader<TaskRef, Task | null, string>((refs) => separations.find(caller.owner, refs), {
    cacheKeyFn: ({ taskId, provider }) => JSON.stringify([taskId, provider]),
  })
  return { separations, providers, retentionMsOf, caller, tasks }
}
