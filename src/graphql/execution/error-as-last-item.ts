/**
 * The same items, and an error of the source as the last one. Thrown on, it would end the stream on each transport in
 * another way; as an item it is an error of the field, as it is in a query.
 *
 * No generator: a generator that waits cannot be told that its reader has left.
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
        return { done: false, value: error instanceof Error ? error : new Error('The source broke.', { cause: error }) }
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
