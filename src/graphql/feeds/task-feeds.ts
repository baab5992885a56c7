import { StoreUnavailableError } from '../../separation/errors.ts'
import type { Watch, WatchedState } from '../../separation/read/watch.ts'
import { isSettled, type Task } from '../../separation/task/task.ts'
import type { TaskRef } from '../../separation/read/find.ts'
import { eventText } from './event-text.ts'
import type { FeedOperation, Feeds, FeedsOptions, Subscriber } from './feed.ts'

/** A subscription to one task. */
export interface TaskOperation extends FeedOperation {
  readonly ref: TaskRef
}

interface Feed<S extends Subscriber> {
  readonly key: string
  readonly operation: TaskOperation
  readonly subscribers: Set<S>
  /** Those that were shown nothing yet. A read for them need not go through all others, of whom there may be thousands. */
  readonly newcomers: Set<S>
  watch: Watch | null
  item: Item | null
  /** What was read last, until it is shown. */
  found: Found | null
  isShowing: boolean
}

/** A state of the task, as it is sent. */
interface Item {
  readonly number: number
  readonly revision: number
  readonly bytes: Buffer
  /** Whether the task is settled, so that the subscription ends with this item. */
  readonly isLast: boolean
  /** When it was last read, with this revision. */
  readAt: number
}

interface Found {
  readonly state: WatchedState
  readonly readAt: number
}

/**
 * Feeds of one transport. A subscriber that joins gets the state that a read finds which begins afterwards; a slow one gets the
 * latest state alone. Nothing of a subscriber waits in a promise or an iterator.
 */
export function createTaskFeeds<S extends Subscriber>(options: FeedsOptions<S>): Feeds<S, TaskOperation> {
  const { watches, delivery, onPush, log } = options
  const feeds = new Map<string, Feed<S>>()

  function join(key: string, subscriber: S): boolean {
    const feed = feeds.get(key)
    if (feed === undefined) return false
    subscriber.feedKey = key
    subscriber.joinedAt = watches.now()
    subscriber.shown = 0
    feed.subscribers.add(subscriber)
    feed.newcomers.add(subscriber)
    feed.watch?.refresh()
    return true
  }

  function leave(subscriber: S): void {
    const feed = feedOf(subscriber)
    subscriber.feedKey = null
    if (feed === undefined) return
    feed.subscribers.delete(subscriber)
    feed.newcomers.delete(subscriber)
    if (feed.subscribers.size > 0) return
    feeds.delete(feed.key)
    feed.watch?.stop()
  }

  function feedOf({ feedKey }: S): Feed<S> | undefined {
    return feedKey === null ? undefined : feeds.get(feedKey)
  }

  /** Shows what was found, one after the other. What is found meanwhile replaces what was found before. */
  async function showFound(feed: Feed<S>): Promise<void> {
    feed.isShowing = true
    for (let found = feed.found; found !== null && feed.subscribers.size > 0; found = feed.found) {
      feed.found = null
      try {
        await show(feed, found)
      } catch (error) {
        log.error({ err: error }, 'an event of a subscription could not be executed')
      }
    }
    feed.isShowing = false
  }

  async function show(feed: Feed<S>, { state, readAt }: Found): Promise<void> {
    if (state === null || state instanceof Error) return end(feed, state, readAt)
    if (feed.item === null || feed.item.revision < state.revision) {
      const item = await nextItem(feed, state, readAt)
      const isChange = feed.item !== null
      feed.item = item
      for (const subscriber of feed.subscribers) offer(feed, item, subscriber)
      if (isChange) onPush(state)
    } else {
      feed.item.readAt = readAt
      for (const subscriber of feed.newcomers) offer(feed, feed.item, subscriber)
    }
  }

  async function nextItem({ operation, item }: Feed<S>, task: Task, readAt: number): Promise<Item> {
    const bytes = delivery.encode(await eventText(options, operation, task))
    return { number: (item?.number ?? 0) + 1, revision: task.revision, bytes, isLast: isSettled(task), readAt }
  }

  /** Sends the item unless the subscriber has been shown it, is busy, or joined after it was read. */
  function offer(feed: Feed<S>, item: Item, subscriber: S): void {
    if (subscriber.shown >= item.number || delivery.isBusy(subscriber)) return
    if (subscriber.shown === 0 && item.readAt <= subscriber.joinedAt) return
    subscriber.shown = item.number
    feed.newcomers.delete(subscriber)
    if (!item.isLast) return delivery.next(subscriber, item.bytes)
    leave(subscriber)
    delivery.last(subscriber, item.bytes)
  }

  /**
   * Ends subscriptions: with an error as the last item, or because there is no task; whoever was not shown one gets null. An
   * outage of the store ends only those that were shown nothing: the others wait for the next read.
   */
  async function end(feed: Feed<S>, state: null | Error, readAt: number): Promise<void> {
    const isOutage = state instanceof StoreUnavailableError
    const bytes = delivery.encode(await eventText(options, feed.operation, state))
    const ending = [...feed.subscribers].filter(
      ({ shown, joinedAt }) => (shown === 0 && joinedAt < readAt) || (shown > 0 && !isOutage),
    )
    for (const subscriber of ending) {
      leave(subscriber)
      if (state !== null || subscriber.shown === 0) delivery.last(subscriber, bytes)
      else delivery.complete(subscriber)
    }
  }

  return {
    has: (key) => feeds.has(key),
    join,
    open(key, operation, subscriber) {
      if (join(key, subscriber)) return
      const feed: Feed<S> = {
        key,
        operation,
        subscribers: new Set(),
        newcomers: new Set(),
        watch: null,
        item: null,
        found: null,
        isShowing: false,
      }
      feeds.set(key, feed)
      join(key, subscriber)
      const { caller, ref } = operation
      feed.watch = watches.watch(caller.owner, ref, caller, {
        onState(state, readAt) {
          feed.found = { state, readAt }
          if (!feed.isShowing) void showFound(feed)
        },
      })
    },
    leave,
    resume(subscriber) {
      const feed = feedOf(subscriber)
      if (feed?.item) offer(feed, feed.item, subscriber)
    },
  }
}
