import { StoreUnavailableError } from '../separation/errors.ts'

/** Lets work at a database begin in turn. Times in milliseconds. */
export interface WorkQueueOptions {
  /** How much is done at once. */
  readonly atOnce: number
  /** How long work waits for its turn while nothing else gets done; the database is taken for away then. */
  readonly giveUpAfterMs: number
  /** How long it waits at most, whatever else gets done. */
  readonly maxWaitMs: number
}

export type Enqueue = <T>(work: () => Promise<T>) => Promise<T>

/**
 * First come, first served. A pool of connections would do the same, but give up after a fixed time, although the database
 * is only busy: a thousand orders at once take it some seconds. Throws StoreUnavailableError if the turn does not come.
 */
export function createWorkQueue({ atOnce, giveUpAfterMs, maxWaitMs }: WorkQueueOptions): Enqueue {
  let underWay = 0
  let doneAtMs = performance.now()
  const waiting = new Set<() => void>()

  async function waitForSlot(): Promise<void> {
    const since = performance.now()
    await new Promise<void>((resolve, reject) => {
      let timer: NodeJS.Timeout
      const go = () => {
        clearTimeout(timer)
        resolve()
      }
      const look = () => {
        const nowMs = performance.now()
        const waitMs = Math.min(doneAtMs + giveUpAfterMs, since + maxWaitMs) - nowMs
        if (waitMs > 0) {
          timer = setTimeout(look, waitMs)
          return
        }
        waiting.delete(go)
        reject(new StoreUnavailableError('The store has too much to do, or is away.'))
      }
      timer = setTimeout(look, Math.min(giveUpAfterMs, maxWaitMs))
      waiting.add(go)
    })
  }

  return async function enqueue(work) {
    // Whoever ends hands its turn on, so that nobody who comes later is before those who wait.
    if (underWay < atOnce) underWay += 1
    else await waitForSlot()
    try {
      const result = await work()
      doneAtMs = performance.now()
      return result
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) doneAtMs = performance.now()
      throw error
    } finally {
      const [next] = waiting
      if (next === undefined) underWay -= 1
      else {
        waiting.delete(next)
        next()
      }
    }
  }
}
