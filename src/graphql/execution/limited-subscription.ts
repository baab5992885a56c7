import { GraphQLError } from 'graphql'
import type { ConcurrencyLimit } from '../../limits/concurrency-limit.ts'

/**
 * Opens a subscription that counts against its caller's limit until it ends. Throws a GraphQLError (RATE_LIMITED) if the
 * caller has too many subscriptions.
 */
export function limitedSubscription<T>(
  limit: ConcurrencyLimit,
  owner: string,
  open: () => AsyncIterableIterator<T>,
): AsyncIterableIterator<T> {
  const release = limit.acquire(owner)
  if (release === null) throw tooManySubscriptions(limit)
  const items = openOrRelease(open, release)
  return {
    async next() {
      const item = await items.next()
      if (item.done === true) release()
      return item
    },
    async return(value) {
      release()
      return (await items.return?.(value)) ?? { done: true, value }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

/** Why a caller may not open another subscription. */
export function tooManySubscriptions({ maxPerKey }: ConcurrencyLimit): GraphQLError {
  const message = `You have reached the limit of ${maxPerKey} open subscriptions. Complete some of them first.`
  return new GraphQLError(message, { extensions: { code: 'RATE_LIMITED' } })
}

function openOrRelease<T>(open: () => T, release: () => void): T {
  try {
    return open()
  } catch (error) {
    release()
    throw error
  }
}
