import { StoreUnavailableError } from '../separation/errors.ts'

/** Lets work at a database begin in turn. Times in milliseconds. */
export interface TurnsOptions {
  /** How much is done at once. */
  readonly atOnce: number
  /** How long work waits for its turn while nothing else gets done; the database is taken for away then. */
  readonly patienceMs: number
  /** How long it waits at most, whatever else gets done. */
  readonly longestWaitMs: number
}

export type InTurn = <T>(work: () => Promise<T>) => Promise<T>

/**
 * First come, first served. A pool of connections would do the same, but give up after a fixed time, although the database
 * is only busy: a thousand orders at once take it some seconds. Throws StoreUnavailableError if the turn does not come.
 */
export function createTurns({ atOnce, patienceMs, longestWaitMs }: TurnsOptions): InTurn {
  let underWay = 0
  let doneAtMs = performance.now()
  const waiting = new Set<() => void>()

  async function turn(): Promise<void> {
    const since = performance.now()
    await new Promise<void>((resolve, reject) => {
      let timer: NodeJS.Timeout
      const go = () => {
        clearTimeout(timer)
        resolve()
      }
      const look = () => {
        const nowMs = performance.now()
        const waitMs = Math.min(doneAtMs + patienceMs, since + longestWaitMs) - nowMs
        if (waitMs > 0) {
          timer = setTimeout(look, waitMs)
          return
        }
        waiting.delete(go)
        reject(new StoreUnavailableError('The store has too much to do, or is away.'))
      }
      timer = setTimeout(look, Math.min(patienceMs, longestWaitMs))
      waiting.add(go)
    })
  }

  return async function inTurn(work) {
    // Whoever ends hands its turn on, so that nobody who comes later is before those who wait.
    if (underWay < atOnce) underWay += 1
    else await turn()
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
