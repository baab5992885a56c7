/** Listeners by key. */
export interface Listeners<L> {
  /** Adds the listener, once for each key. Returns a function that removes it. */
  add(key: string, listener: L): () => void
  /** The listeners of a key. A copy, because a listener may add or remove listeners. */
  of(key: string): ReadonlySet<L>
  keys(): readonly string[]
  /** The number of listeners, over all keys. */
  size(): number
}

export function createListeners<L>(): Listeners<L> {
  const listeners = new Map<string, Set<L>>()
  let total = 0

  return {
    add(key, listener) {
      const ofKey = listeners.get(key) ?? new Set()
      listeners.set(key, ofKey)
      if (!ofKey.has(listener)) total += 1
      ofKey.add(listener)
      return () => {
        if (!ofKey.delete(listener)) return
        total -= 1
        if (ofKey.size === 0 && listeners.get(key) === ofKey) listeners.delete(key)
      }
    },
    of: (key) => new Set(listeners.get(key)),
    keys: () => [...listeners.keys()],
    size: () => total,
  }
}
