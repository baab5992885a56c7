import type { Watched } from '../context.ts'
import { createDashboards } from './dashboards.ts'
import type { FeedOperation, Feeds, FeedsOptions, Subscriber } from './feed.ts'
import { createTaskFeeds } from './task-feeds.ts'

/** A subscription to one task or to many. */
export interface WatchOperation extends FeedOperation {
  readonly watched: Watched
}

/** The feeds of one transport. */
export function createFeeds<S extends Subscriber>(options: FeedsOptions<S>): Feeds<S, WatchOperation> {
  const taskFeeds = createTaskFeeds(options)
  const dashboards = createDashboards(options)
  const feedsOf = ({ feedKey }: S) => (feedKey !== null && dashboards.has(feedKey) ? dashboards : taskFeeds)

  return {
    has: (key) => taskFeeds.has(key) || dashboards.has(key),
    join: (key, subscriber) => taskFeeds.join(key, subscriber) || dashboards.join(key, subscriber),
    open(key, { watched, ...operation }, subscriber) {
      if (watched.kind === 'task') taskFeeds.open(key, { ...operation, ref: watched.ref }, subscriber)
      else dashboards.open(key, { ...operation, ...watched }, subscriber)
    },
    leave: (subscriber) => feedsOf(subscriber).leave(subscriber),
    resume: (subscriber) => feedsOf(subscriber).resume(subscriber),
  }
}
