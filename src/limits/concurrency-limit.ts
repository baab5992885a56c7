/** Limits how many of something each caller or address holds at a time. */
export interface ConcurrencyLimit {
  readonly maxPerKey: number
  /** Counts one more for the key. The returned function releases it, once; null if the key holds all that it may. */
  acquire(key: string): (() => void) | null
}

/** At most `maxPerKey` at a time for each key. Holds nothing for a key that has released everything. */
export function createConcurrencyLimit(maxPerKey: number): ConcurrencyLimit {
  const held = new Map<string, number>()

  return {
    maxPerKey,
    acquire(key) {
      const count = held.get(key) ?? 0
      if (count >= maxPerKey) return null
      held.set(key, count + 1)
      let isReleased = false
      return function release() {
        if (isReleased) return
        isReleased = true
        const left = (held.get(key) ?? 1) - 1
        if (left > 0) held.set(key, left)
        else held.delete(key)
      }
    },
  }
}
