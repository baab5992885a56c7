import { setTimeout as sleep } from 'node:timers/promises'

/** How much is deleted at a time, and how long the others have the database after that. */
export interface Pace {
  /** How many tasks are deleted next. */
  size(): number
  /** Runs a step and pauses after it. Rejects if the step does, and with an AbortError once the signal aborts. */
  step<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T>
}

/** How long a step may take. On SQLite, nobody else writes meanwhile. In milliseconds. */
const targetMs = 20
/** Much of a short step is its commit, however small it is: below the minimum, a slow disk would do nothing else. */
const [minSize, maxSize] = [8, 256]
/** The pause after a step, as a multiple of its duration: so deleting takes a quarter of the time. */
const pausesPerStep = 3
const [minPauseMs, maxPauseMs] = [5, 500]

/** Chooses the size of a step by how long the previous ones took, so that a busy database is left to the others. */
export function createPace(): Pace {
  let size = minSize
  return {
    size: () => size,
    async step(run, signal) {
      const startedAtMs = performance.now()
      const result = await run()
      const tookMs = performance.now() - startedAtMs
      // Grows slowly: the next tasks may have more rows.
      size = Math.min(maxSize, Math.max(minSize, Math.round(size * Math.min(1.25, targetMs / tookMs))))
      const pauseMs = Math.min(maxPauseMs, Math.max(minPauseMs, tookMs * pausesPerStep))
      await sleep(pauseMs, undefined, { signal, ref: false })
      return result
    },
  }
}
