/** What happened in the last `windowMs`, oldest first. Times are monotonic. */
export interface RollingWindow {
  /** How many events the window holds now. */
  count(): number
  /** Adds an event now; the returned function takes it out again. */
  add(): () => void
  /** How long until the event with this index (from 0, the oldest) leaves the window, in milliseconds; 0 if there is none. */
  leavesInMs(index: number): number
}

/** What is still in the window does not leave it in no time. */
const minLeavesInMs = 0.001

interface Event {
  readonly atMs: number
  isRemoved: boolean
}

/** Each verb takes constant time on average, however many events there are; `leavesInMs` as long as its index is large. */
export function createRollingWindow(windowMs: number): RollingWindow {
  let events: Event[] = []
  /** The index of the oldest event that may still count. */
  let first = 0
  let count = 0

  /** Returns the time at which it was done. */
  function forgetOld(): number {
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
      forgetOld()
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
      const nowMs = forgetOld()
      let left = index
      for (let at = first; at < events.length; at += 1) {
        const event = events[at]
        if (event === undefined || event.isRemoved) continue
        if (left === 0) return Math.max(minLeavesInMs, event.atMs + windowMs - nowMs)
        left -= 1
      }
      return 0
    },
  }
}
