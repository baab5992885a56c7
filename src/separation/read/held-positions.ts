/**
 * How far an owner's changes were read, and when. A change may become visible after others with greater positions, but only if
 * it began before those were committed: see docs/decisions/0033.
 */
export interface HeldPositions {
  /** Everything up to this position that was visible has been read, at this time. */
  add(position: number, nowMs: number): void
  /** Where the next read has to begin: everything before this position has been read, or cannot appear any more. */
  startAt(nowMs: number): number
}

/** No write of a gateway takes longer from its first statement until it is visible. */
export const longestWriteMs = 60_000

/**
 * @param latest the greatest position that is visible
 * @param nowMs by a clock that never jumps
 */
export function createHeldPositions(latest: number, nowMs: number): HeldPositions {
  let held = [
    { position: latest - longestWriteMs, atMs: -Infinity },
    { position: latest, atMs: nowMs },
  ]

  function drop(now: number): void {
    const start = held.findLastIndex(({ atMs }) => atMs <= now - longestWriteMs)
    if (start > 0) held = held.slice(start)
  }

  return {
    add(position, now) {
      drop(now)
      if (position > (held.at(-1)?.position ?? -Infinity)) held.push({ position, atMs: now })
    },
    startAt(now) {
      drop(now)
      return held[0]?.position ?? 0
    },
  }
}
