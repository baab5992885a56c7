import { GraphQLError } from 'graphql'

/** How many subscriptions each caller has open, over all transports. */
export interface SubscriptionPlaces {
  /** The items, from a place that is kept until they end. Throws a GraphQLError if the caller has taken all of its own. */
  hold<T>(owner: string, open: () => AsyncIterableIterator<T>): AsyncIterableIterator<T>
}

/** So many for each caller. */
export function createSubscriptionPlaces(perCaller: number): SubscriptionPlaces {
  const taken = new Map<string, number>()

  function leave(owner: string): void {
    const left = (taken.get(owner) ?? 1) - 1
    if (left > 0) taken.set(owner, left)
    else taken.delete(owner)
  }

  return {
    hold(owner, open) {
      const count = taken.get(owner) ?? 0
      if (count >= perCaller) {
        throw new GraphQLError(`You may have ${perCaller} subscriptions at a time. Complete some first.`, {
          extensions: { code: 'RATE_LIMITED' },
        })
      }
      const items = open()
      taken.set(owner, count + 1)
      let isHeld = true
      const end = () => {
        if (isHeld) leave(owner)
        isHeld = false
      }
      return {
        async next() {
          const item = await items.next()
          if (item.done === true) end()
          return item
        },
        async return(value) {
          end()
          return (await items.return?.(value)) ?? { done: true, value }
        },
        [Symbol.asyncIterator]() {
          return this
        },
      }
    },
  }
}
