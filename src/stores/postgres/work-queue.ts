import { StoreUnavailableError } from '../../separation/errors.ts'

/** Limits the concurrent work on a database. Times are milliseconds. */
export interface WorkQueueOptions {
  /** How much work runs at the same time. */
  readonly concurrency: number
  /** How long work waits for a slot while no other work completes; then the database counts as unavailable. */
  readonly giveUpAfterMs: number
  /** How long work waits for a slot at most. */
  readonly maxWaitMs: number
}

export type Enqueue = <T>(work: () => Promise<T>) => Promise<T>

/**
 * A first-in, first-out queue. The connection pool has one too, but it gives up after a fixed time even if the database is
 * only busy: 1,000 concurrent orders take some seconds. Throws StoreUnavailableError if no slot becomes free.
 */
export function createWorkQueue({ concurrency, giveUpAfterMs, maxWaitMs }: WorkQueueOptions): Enqueue {
  let running = 0
  let lastCompletedAtMs = performance.now()
  const waiting = new Set<() => void>()

  async function waitForSlot(): Promise<void> {
    const startedAtMs = performance.now()
    await new Promise<void>((resolve, reject) => {
      let timer: NodeJS.Timeout
      const start = () => {
        clearTimeout(timer)
        resolve()
      }
      const rejectIfExpired = () => {
        const nowMs = performance.now()
        const leftMs = Math.min(lastCompletedAtMs + giveUpAfterMs, startedAtMs + maxWaitMs) - nowMs
        if (leftMs > 0) {
          timer = setTimeout(rejectIfExpired, leftMs)
          return
        }
        waiting.delete(start)
        reject(new StoreUnavailableError('The database is overloaded or unavailable.'))
      }
      timer = setTimeout(rejectIfExpired, Math.min(giveUpAfterMs, maxWaitMs))
      waiting.add(start)
    })
  }

  return async function enqueue(work) {
    // Finished work passes its slot to the longest-waiting work, so that later work cannot overtake it.
    if (running < concurrency) running += 1
    else await waitForSlot()
    try {
      const result = await work()
      lastCompletedAtMs = performance.now()
      return result
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) lastCompletedAtMs = performance.now()
      throw error
    } finally {
      const [next] = waiting
      if (next === undefined) running -= 1
      else {
        waiting.delete(next)
        next()
      }
    }
  }
}
