import DataLoader from 'dataloader'
import type { Trace } from '../runtime/trace.ts'
import type { CallerLimits } from '../separation/caller-limits.ts'
import { filesAvailableUntilMs, type FileRetention } from '../separation/file-retention.ts'
import type { TaskRef } from '../separation/read/find.ts'
import type { Clock } from '../separation/store/clock.ts'
import type { StemFacts } from '../separation/store/stem-file-store.ts'
import type { TaskSelection } from '../separation/read/task-selection.ts'
import type { Separations } from '../separation/separations.ts'
import type { Offer } from '../separation/offer.ts'
import { isSettled, type SucceededTask, type Task } from '../separation/task/task.ts'
import { stemName, type Stem } from '../separation/task/stem.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import type { RequestRate } from '../limits/request-rate.ts'
import type { ConcurrencyLimit } from '../limits/concurrency-limit.ts'

/** The caller of an operation. */
export interface Caller {
  /** The owner of the tasks that the caller orders, reads and lists. */
  readonly owner: string
  /** What the caller may order. */
  readonly limits: CallerLimits
  /** Whether the operation may adopt a provider's task. False for a GET, which must not change anything. */
  readonly mayAdopt: boolean
  /** The request of the operation. */
  readonly trace: Trace
  /** Calls `end` when the caller has left and waits for no answer any more. Without it, nobody knows. */
  readonly onLeave?: (end: () => void) => void
}

/** What every operation shares. */
export interface Services {
  readonly separations: Separations
  readonly clock: Clock
  readonly separateRate: RequestRate
  /** Limits the open subscriptions of each caller, over all transports. */
  readonly subscriptionLimit: ConcurrencyLimit
  /** Limits the operations of each caller, over all transports. */
  readonly requestRate: RequestRate
  readonly defaultProvider: ProviderName
  /** What the enabled providers offer. */
  readonly offers: ReadonlyMap<ProviderName, Offer>
  /** Whether the operator lets the caller read the balance of its accounts. */
  mayReadCredits(owner: string): boolean
  /** How long the files of a provider's tasks are kept. */
  retentionOf(provider: ProviderName): FileRetention
  /** What is known of the files of stems. What is known never changes, the rest may become known. */
  stemFacts(stems: readonly StemOfTask[]): Promise<readonly StemFacts[]>
  /** The waveform of a stem's file: see `StemPeaks.find`. What it is once never changes. */
  stemPeaks(stem: StemOfTask, buckets: number): Promise<readonly number[] | null>
  /** The URL of a stem's file, for clients. It stays the same while the gateway runs and the task does not change. */
  stemUrlOf(stem: StemOfTask): string
  /** The URL of a zip of all stems of a task; null if the gateway serves none. It stays the same as well. */
  zipUrlOf(task: SucceededTask): string | null
}

/** A stem of a task. */
export interface StemOfTask {
  readonly task: SucceededTask
  readonly stem: Stem
}

/** What a subscription watches: one task, or those of a selection. */
export type Watched =
  | { readonly kind: 'task'; readonly ref: TaskRef }
  | {
      readonly kind: 'tasks'
      readonly selection: TaskSelection
      /** Milliseconds since 1970. The subscription begins also with the tasks that changed since then. */
      readonly sinceMs: number | null
    }

/** Watches tasks for a subscription. A feed sends the states: nothing reads the source that is returned. */
export type WatchTasks = (watched: Watched) => AsyncIterableIterator<Task | null | Error>

/** The context of one operation. */
export interface Context extends Services {
  readonly caller: Caller
  readonly watch: WatchTasks
  /** Reads the caller's tasks, batched per operation. Do not use it in subscriptions: its cache would return old states. */
  readonly tasks: Pick<DataLoader<TaskRef, Task | null>, 'load'>
  /**
   * The task once it is settled, or as it is after this time. The wait counts as an open subscription of the caller: if it has
   * too many, the task is returned at once.
   */
  waitUntilSettled(task: Task, waitSeconds: number): Promise<Task>
  /** Reads one fact of a stem's file, batched per operation; null while it is not known. */
  fileFact<Name extends keyof StemFacts>(stem: StemOfTask, name: Name): Promise<StemFacts[Name]>
  /** Whether the files of a task are available now. */
  areFilesAvailable(task: Task): boolean
  /** What `tasks`, `fileFact` and `areFilesAvailable` have read so far. */
  readonly reads: Reads
}

/** The tasks that an operation has read. */
export interface Reads {
  readonly tasks: readonly Task[]
  /** Whether a task was unknown or could not be read, or a fact of a file is not known yet. */
  readonly hasMissed: boolean
  /** Until when the result is right if no task changes, in milliseconds since 1970. */
  readonly validUntilMs: number
}

/**
 * Creates the context of one operation.
 * @param watch how a subscription watches its task; without it, no subscription can be opened
 */
export function createContext(services: Services, caller: Caller, watch: WatchTasks = cannotWatch): Context {
  const { separations, subscriptionLimit } = services
  const reads = { tasks: [] as Task[], hasMissed: false, validUntilMs: Infinity }
  const find = async (refs: readonly TaskRef[]) => {
    const found = await separations.find(caller.owner, refs, caller)
    for (const task of found) {
      if (task === null || task instanceof Error) reads.hasMissed = true
      else reads.tasks.push(task)
    }
    return found
  }
  const tasks = new DataLoader<TaskRef, Task | null, string>(find, {
    cacheKeyFn: ({ taskId, provider }) => JSON.stringify([taskId, provider]),
  })
  const facts = new DataLoader<StemOfTask, StemFacts, string>((stems) => services.stemFacts(stems), {
    cacheKeyFn: ({ task, stem }) => `${task.id}/${stemName(stem)} ${stem.url.value}`,
  })
  return {
    ...services,
    caller,
    watch,
    tasks,
    reads,
    async waitUntilSettled(task, waitSeconds) {
      const release = subscriptionLimit.acquire(caller.owner)
      try {
        const waitMs = release === null ? 0 : waitSeconds * 1_000
        const after = await separations.waits.untilSettled(task, waitMs, caller.onLeave ?? (() => {}))
        // The same request may have to wait again.
        if (isSettled(after)) reads.tasks.push(after)
        else reads.hasMissed = true
        return after
      } finally {
        release?.()
      }
    },
    areFilesAvailable(task) {
      const untilMs = filesAvailableUntilMs(task, services.retentionOf(task.provider))
      const isAvailable = untilMs > services.clock.nowMs()
      if (isAvailable) reads.validUntilMs = Math.min(reads.validUntilMs, untilMs)
      return isAvailable
    },
    async fileFact(stem, name) {
      const value = (await facts.load(stem))[name]
      if (value === null) reads.hasMissed = true
      return value
    },
  }
}

const cannotWatch: WatchTasks = () => {
  throw new TypeError('The transport of this operation does not feed subscriptions.')
}
