/**
 * Yields the items of the source, and an error of the source as the last item. A thrown error would end the stream
 * differently on each transport; as an item it becomes an error of the field, as in a query.
 *
 * Not a generator: a generator that waits for the next item cannot be ended by its subscriber.
 */
export function errorAsLastItem<T>(source: AsyncIterable<T>): AsyncIterableIterator<T | Error> {
  const items = source[Symbol.asyncIterator]()
  let hasEnded = false

  return {
    async next() {
      if (hasEnded) return { done: true, value: undefined }
      try {
        return await items.next()
      } catch (error) {
        hasEnded = true
        return {
          done: false,
          value: error instanceof Error ? error : new Error('The subscription failed.', { cause: error }),
        }
      }
    },
    async return() {
      hasEnded = true
      await items.return?.()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
