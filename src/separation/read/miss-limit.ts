import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { TooManyMissesError } from '../errors.ts'

/** Limits how many ids that lead nowhere each caller may have looked up at providers. */
export interface MissLimit {
  /**
   * Looks something up. Only a miss counts against the caller; a lookup waits while those under way might use up what is
   * left. Throws TooManyMissesError.
   */
  run<T>(owner: string, lookUp: () => Promise<T>, isMiss: (found: T) => boolean): Promise<T>
}

/** So many misses for each caller in any such time. */
export function createMissLimit({
  points,
  duration,
}: {
  readonly points: number
  readonly duration: number
}): MissLimit {
  const limiter = new RateLimiterMemory({ points, duration })
  const underWay = new Map<string, Set<Promise<unknown>>>()

  async function reserve(owner: string): Promise<void> {
    for (;;) {
      try {
        await limiter.consume(owner)
        return
      } catch (limit) {
        await limiter.reward(owner)
        const ownLookups = underWay.get(owner)
        if (ownLookups === undefined) {
          const waitMs = limit instanceof RateLimiterRes ? limit.msBeforeNext : duration * 1_000
          throw new TooManyMissesError(Math.max(1, Math.ceil(waitMs / 1_000)))
        }
        await Promise.race(ownLookups)
      }
    }
  }

  async function track(owner: string, lookup: Promise<unknown>): Promise<void> {
    const lookups = underWay.get(owner) ?? new Set()
    underWay.set(owner, lookups)
    const settled = lookup.catch(() => {})
    lookups.add(settled)
    await settled
    lookups.delete(settled)
    if (lookups.size === 0) underWay.delete(owner)
  }

  return {
    async run(owner, lookUp, isMiss) {
      await reserve(owner)
      const lookup = lookUp().then(
        async (found) => {
          if (!isMiss(found)) await limiter.reward(owner)
          return found
        },
        async (error: unknown) => {
          // Nobody knows whether it was a miss; a provider that cannot be read is not the caller's fault.
          await limiter.reward(owner)
          throw error
        },
      )
      void track(owner, lookup)
      return lookup
    },
  }
}
