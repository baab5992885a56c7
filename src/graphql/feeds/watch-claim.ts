import type { ConcurrencyLimit } from '../../limits/concurrency-limit.ts'
import type { Watched, WatchTasks } from '../context.ts'
import { tooManySubscriptions } from '../execution/too-many-subscriptions.ts'

/** What a subscription asks for when it is opened: a slot in its caller's limit, and the tasks that it watches. */
export interface WatchClaim {
  /** For the pipeline. Throws a GraphQLError (RATE_LIMITED) if the caller has too many subscriptions. */
  readonly watch: WatchTasks
  /** What the subscription watches; null before it was opened. */
  watched(): Watched | null
  /** Releases the slot. Does nothing without one. */
  release(): void
}

/** For a transport that feeds its subscriptions itself. */
export function createWatchClaim(limit: ConcurrencyLimit, owner: string): WatchClaim {
  let watched: Watched | null = null
  let release: (() => void) | null = null
  return {
    watch(wanted) {
      release = limit.acquire(owner)
      if (release === null) throw tooManySubscriptions(limit)
      watched = wanted
      return unusedSource
    },
    watched: () => watched,
    release: () => release?.(),
  }
}

/** The source of a subscription that a feed serves. Nothing reads it. */
const unusedSource: ReturnType<WatchTasks> = {
  next: async () => ({ done: true, value: undefined }),
  [Symbol.asyncIterator]() {
    return this
  },
}
