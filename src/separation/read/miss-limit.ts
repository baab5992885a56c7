import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { TooManyMissesError } from '../errors.ts'

/** Limits how many unknown ids each caller may look up at providers, and remembers the misses for a while. */
export interface MissLimit<T> {
  /**
   * Looks up an id, or returns null at once if the caller has missed it a moment ago. Equal lookups share one result. Only misses
   * count against the limit; a lookup waits while those under way may use up what is left. Rejects with TooManyMissesError.
   */
  run(caller: string, id: string, lookUp: () => Promise<T | null>): Promise<T | null>
}

export interface MissLimitOptions {
  /** The most misses of one caller in `windowSeconds`. */
  readonly maxMisses: number
  readonly windowSeconds: number
  /** How long a miss is remembered, in milliseconds. */
  readonly missTtlMs: number
}

const maxRememberedMisses = 10_000

export function createMissLimit<T>({ maxMisses, windowSeconds, missTtlMs }: MissLimitOptions): MissLimit<T> {
  const limiter = new RateLimiterMemory({ points: maxMisses, duration: windowSeconds })
  /** When each miss is forgotten, oldest first. */
  const misses = new Map<string, number>()
  const underWay = new Map<string, Promise<T | null>>()
  const lookupsOf = new Map<string, Set<Promise<unknown>>>()

  async function reserve(caller: string): Promise<void> {
    for (;;) {
      try {
        await limiter.consume(caller)
        return
      } catch (limit) {
        await limiter.reward(caller)
        const lookups = lookupsOf.get(caller)
        if (lookups === undefined) {
          const waitMs = limit instanceof RateLimiterRes ? limit.msBeforeNext : windowSeconds * 1_000
          throw new TooManyMissesError(Math.max(1, Math.ceil(waitMs / 1_000)))
        }
        await Promise.race(lookups)
      }
    }
  }

  async function track(caller: string, lookup: Promise<unknown>): Promise<void> {
    const lookups = lookupsOf.get(caller) ?? new Set()
    lookupsOf.set(caller, lookups)
    const settled = lookup.catch(() => {})
    lookups.add(settled)
    await settled
    lookups.delete(settled)
    if (lookups.size === 0) lookupsOf.delete(caller)
  }

  async function limited(caller: string, missKey: string, lookUp: () => Promise<T | null>): Promise<T | null> {
    await reserve(caller)
    const lookup = lookUp()
    void track(caller, lookup)
    try {
      const found = await lookup
      if (found === null) remember(missKey)
      else await limiter.reward(caller)
      return found
    } catch (error) {
      // Whether it was a miss is unknown: an unreadable provider is not the caller's fault.
      await limiter.reward(caller)
      throw error
    }
  }

  function remember(missKey: string): void {
    const [oldest] = misses.keys()
    if (misses.size >= maxRememberedMisses && oldest !== undefined) misses.delete(oldest)
    misses.set(missKey, Date.now() + missTtlMs)
  }

  function shared(missKey: string, begin: () => Promise<T | null>): Promise<T | null> {
    const known = underWay.get(missKey)
    if (known !== undefined) return known
    const lookup = begin().finally(() => underWay.delete(missKey))
    underWay.set(missKey, lookup)
    return lookup
  }

  return {
    async run(caller, id, lookUp) {
      const missKey = JSON.stringify([caller, id])
      if ((misses.get(missKey) ?? 0) > Date.now()) return null
      return shared(missKey, () => limited(caller, missKey, lookUp))
    },
  }
}
