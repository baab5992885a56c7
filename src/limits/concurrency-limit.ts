/** Limits how many slots each caller or IP address holds at the same time. */
export interface ConcurrencyLimit {
  readonly maxPerKey: number
  /** Acquires a slot for the key. Returns a function that releases it, or null if the key has no free slot. */
  acquire(key: string): (() => void) | null
  /** The number of slots that the key has left. */
  remaining(key: string): number
  /** The number of slots that are held, over all keys. */
  size(): number
}

/** A limit of `maxPerKey` slots for each key. A key without slots takes no memory. */
export function createConcurrencyLimit(maxPerKey: number): ConcurrencyLimit {
  const held = new Map<string, number>()
  let total = 0

  return {
    maxPerKey,
    acquire(key) {
      const count = held.get(key) ?? 0
      if (count >= maxPerKey) return null
      held.set(key, count + 1)
      total += 1
      let isReleased = false
      return function release() {
        if (isReleased) return
        isReleased = true
        total -= 1
        const left = (held.get(key) ?? 1) - 1
        if (left > 0) held.set(key, left)
        else held.delete(key)
      }
    },
    remaining: (key) => maxPerKey - (held.get(key) ?? 0),
    size: () => total,
  }
}
