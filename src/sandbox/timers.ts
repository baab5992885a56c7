/** Timers that do not keep the process alive and can be stopped together. */
export interface Timers {
  /** Calls `call` at this time (milliseconds since 1970) or later, never earlier. Returns a function that cancels it. */
  at(timeMs: number, call: () => void): () => void
  stop(): void
}

const maxTimeoutMs = 2 ** 31 - 1

/** After `stop`, no timer runs and none can be started. */
export function createTimers(): Timers {
  const running = new Set<NodeJS.Timeout>()
  let stopped = false
  return {
    at(timeMs, call) {
      let timer: NodeJS.Timeout | undefined
      function arm(): void {
        if (stopped) return
        timer = setTimeout(wake, Math.min(maxTimeoutMs, Math.max(0, timeMs - Date.now()))).unref()
        running.add(timer)
      }
      function wake(): void {
        if (timer !== undefined) running.delete(timer)
        // Node.js timers may fire 1 ms early, and cannot wait longer than 24.8 days.
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
