/** Counts events in the last `windowMs`. Times are monotonic. */
export interface RollingWindow {
  /** The number of events in the window now. */
  count(): number
  /** Adds an event now. The returned function removes it. */
  add(): () => void
  /** The milliseconds until the event with this index (0 is the oldest) leaves the window; 0 if there is none. */
  leavesInMs(index: number): number
}

/** An event in the window has a wait greater than 0. */
const minLeavesInMs = 0.001

interface Event {
  readonly atMs: number
  isRemoved: boolean
}

/** `add` and `count` take constant time on average; the time of `leavesInMs` is proportional to the index. */
export function createRollingWindow(windowMs: number): RollingWindow {
  let events: Event[] = []
  /** The index of the oldest event that may still count. */
  let first = 0
  let count = 0

  /** Removes events that left the window, and returns the current time. */
  function removeOld(): number {
    const nowMs = performance.now()
    const sinceMs = nowMs - windowMs
    for (let event = events[first]; event !== undefined; event = events[first]) {
      if (!event.isRemoved && event.atMs > sinceMs) break
      if (!event.isRemoved) count -= 1
      event.isRemoved = true
      first += 1
    }
    if (first > 1_000 && first * 2 > events.length) {
      events = events.slice(first)
      first = 0
    }
    return nowMs
  }

  return {
    count() {
      removeOld()
      return count
    },

    add() {
      const event: Event = { atMs: performance.now(), isRemoved: false }
      events.push(event)
      count += 1
      return () => {
        if (event.isRemoved) return
        event.isRemoved = true
        count -= 1
      }
    },

    leavesInMs(index) {
      const nowMs = removeOld()
      let skip = index
      for (let at = first; at < events.length; at += 1) {
        const event = events[at]
        if (event === undefined || event.isRemoved) continue
        if (skip === 0) return Math.max(minLeavesInMs, event.atMs + windowMs - nowMs)
        skip -= 1
      }
      return 0
    },
  }
}
