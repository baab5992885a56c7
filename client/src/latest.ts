/**
 * Reads a source as fast as it comes and keeps the latest item of each key for a reader who is slower. Starts with the first
 * `next`. `return`, as at the end of a `for await`, stops the source at once.
 * @param outer ends it as well: `next` rejects with its reason
 */
export function latestOf<T>(
  source: (signal: AbortSignal) => AsyncIterable<T>,
  keyOf: (item: T) => string,
  outer: AbortSignal | undefined,
): AsyncIterableIterator<T> {
  const controller = new AbortController()
  /** In the order of their latest change. */
  const unread = new Map<string, T>()
  let waiting: (() => void)[] = []
  let state: 'new' | 'open' | 'ended' = 'new'
  let failure: { readonly error: unknown } | null = null

  function wake(): void {
    const woken = waiting
    waiting = []
    for (const resolve of woken) resolve()
  }

  function abort(): void {
    controller.abort(outer?.reason)
    fail(outer?.reason)
  }

  /** What comes after the end, such as the error of a source that was stopped, is dropped. */
  function fail(error: unknown): void {
    if (state === 'ended') return
    failure = { error }
    end()
  }

  function end(): void {
    state = 'ended'
    outer?.removeEventListener('abort', abort)
    wake()
  }

  async function read(): Promise<void> {
    state = 'open'
    if (outer?.aborted === true) return abort()
    outer?.addEventListener('abort', abort)
    try {
      for await (const item of source(controller.signal)) {
        if (controller.signal.aborted) break
        const key = keyOf(item)
        unread.delete(key)
        unread.set(key, item)
        wake()
      }
    } catch (error) {
      fail(error)
    }
    end()
  }

  return {
    async next() {
      if (state === 'new') void read()
      for (;;) {
        for (const [key, value] of unread) {
          unread.delete(key)
          return { done: false, value }
        }
        if (failure !== null) {
          const { error } = failure
          failure = null
          throw error
        }
        if (state === 'ended') return { done: true, value: undefined }
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
    },
    async return() {
      unread.clear()
      end()
      controller.abort()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
