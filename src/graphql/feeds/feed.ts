import type { DocumentNode } from 'graphql'
import type { Log } from '../../runtime/log.ts'
import type { SelectedTasks } from '../../separation/read/selected-tasks.ts'
import type { OwnerWatches } from '../../separation/read/watch-owner.ts'
import type { Watches } from '../../separation/read/watch.ts'
import type { Task } from '../../separation/task/task.ts'
import type { Caller } from '../context.ts'
import type { OperationObserver, Transport } from '../execution/operation-observer.ts'
import type { Pipeline } from '../execution/pipeline.ts'

/** A subscription that has passed every check. */
export interface FeedOperation {
  readonly caller: Caller
  readonly query: string
  readonly document: DocumentNode
  readonly operationName: string | null
  readonly variables: Readonly<Record<string, unknown>>
}

/** One subscription of a client. The feeds write its fields, the transport only creates them. */
export interface Subscriber {
  /** The key of its feed; null before it joins one and after it has left. */
  feedKey: string | null
  /** When it joined, by the clock of the watches: it is shown nothing that was read before. */
  joinedAt: number
  /** The number of the last item that it was shown; 0 before the first. Only of the feed of one task. */
  shown: number
}

/** How a transport sends items to its subscribers. */
export interface Delivery<S extends Subscriber> {
  /** Whether the last item is still waiting to be written. The subscriber gets the latest item when it calls `resume`. */
  isBusy(subscriber: S): boolean
  /** The bytes of an item that all its subscribers share, of the JSON of a result. */
  encode(result: string): Buffer
  next(subscriber: S, item: Buffer): void
  /** Sends the last item and ends the subscription, which has left its feed. */
  last(subscriber: S, item: Buffer): void
  /** Ends a subscription that has left its feed, without another item. */
  complete(subscriber: S): void
}

/** How the events of a transport are executed. */
export interface EventTextOptions {
  readonly pipeline: Pipeline
  readonly observer: Pick<OperationObserver, 'failed'>
  readonly transport: Transport
}

export interface FeedsOptions<S extends Subscriber> extends EventTextOptions {
  readonly watches: Watches
  readonly ownerWatches: OwnerWatches
  readonly selectedTasks: SelectedTasks
  readonly delivery: Delivery<S>
  /** Called when a change of a task was sent to those who watch it. */
  readonly onPush: (task: Task) => void
  readonly log: Log
}

/** Subscriptions that are equal, so that they share one watch, one execution for each change, and its text. */
export interface Feeds<S extends Subscriber, O extends FeedOperation> {
  /** Whether there is a feed of this key. */
  has(key: string): boolean
  /** Joins the subscriber to the feed of this key. Returns false if there is none. */
  join(key: string, subscriber: S): boolean
  /** Opens a feed for its first subscriber, or joins the one that was opened meanwhile. */
  open(key: string, operation: O, subscriber: S): void
  /** Sends nothing more to the subscriber. Does nothing if it has left. */
  leave(subscriber: S): void
  /** Sends the latest item to a subscriber that is no longer busy, if it was not shown it. */
  resume(subscriber: S): void
}
