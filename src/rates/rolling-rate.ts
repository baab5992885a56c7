/** A rate that holds over every window, whenever it is looked at. */
export interface RollingRate {
  /** Takes a place if there is one; `giveBack` makes it free again. */
  take(): { readonly giveBack: () => void } | null
  /** How long until there is a place, in milliseconds; 0 if there is one. */
  freeInMs(): number
}

/**
 * At most `limit` places in any `windowMs`. The window rolls, because two full counts on either side of a fixed one's edge
 * would be twice the rate. Times are monotonic.
 */
export function createRollingRate({
  limit,
  windowMs,
}: {
  readonly limit: number
  readonly windowMs: number
}): RollingRate {
  /** When the places were taken that still count, oldest first. */
  let taken: { readonly atMs: number }[] = []

  function freeInMs(): number {
    const nowMs = performance.now()
    taken = taken.filter(({ atMs }) => atMs > nowMs - windowMs)
    const [oldest] = taken
    return oldest === undefined || taken.length < limit ? 0 : oldest.atMs + windowMs - nowMs
  }

  return {
    freeInMs,
    take() {
      if (freeInMs() > 0) return null
      const place = { atMs: performance.now() }
      taken.push(place)
      return { giveBack: () => void (taken = taken.filter((each) => each !== place)) }
    },
  }
}
