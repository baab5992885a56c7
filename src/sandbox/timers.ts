/** Timers that keep no process alive and can be stopped all at once. */
export interface Timers {
  /** Calls back at that time (milliseconds since 1970) or after it, never before. Gives back what cancels it. */
  at(timeMs: number, call: () => void): () => void
  stop(): void
}

const longestMs = 2 ** 31 - 1

/** No timer runs yet. After `stop` none ever will. */
export function createTimers(): Timers {
  const running = new Set<NodeJS.Timeout>()
  let stopped = false
  return {
    at(timeMs, call) {
      let timer: NodeJS.Timeout | undefined
      function arm(): void {
        if (stopped) return
        timer = setTimeout(wake, Math.min(longestMs, Math.max(0, timeMs - Date.now()))).unref()
        running.add(timer)
      }
      function wake(): void {
        if (timer !== undefined) running.delete(timer)
        // Node's timers may be early by a millisecond, and cannot wait longer than some weeks.
        if (Date.now() < timeMs) arm()
        else call()
      }
      arm()
      return () => {
        if (timer === undefined) return
        clearTimeout(timer)
        running.delete(timer)
      }
    },
    stop() {
      stopped = true
      for (const timer of running) clearTimeout(timer)
      running.clear()
    },
  }
}
