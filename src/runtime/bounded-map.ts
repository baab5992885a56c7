/** A map that keeps the entries that were set last. */
export interface BoundedMap<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  /** Whether an entry had to be dropped. */
  hasDropped(): boolean
}

export function createBoundedMap<V>(maxEntries: number): BoundedMap<V> {
  const entries = new Map<string, V>()
  let hasDropped = false
  return {
    get: (key) => entries.get(key),
    set(key, value) {
      entries.delete(key)
      entries.set(key, value)
      if (entries.size <= maxEntries) return
      const [oldest] = entries.keys()
      if (oldest !== undefined) entries.delete(oldest)
      hasDropped = true
    },
    hasDropped: () => hasDropped,
  }
}
