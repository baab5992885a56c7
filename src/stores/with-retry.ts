import { setTimeout as sleep } from 'node:timers/promises'
import { DuplicateBindingError, StoreUnavailableError } from '../separation/errors.ts'

/** What an error of a database means for the work that met it. */
export type Trouble =
  /** Somebody else was quicker; the work begins again at once and sees what they did. */
  | 'raced'
  /** It may be over in a moment: a lock, a connection that was lost. */
  | 'passing'
  /** The database cannot do it now, and has been given its time. */
  | 'away'
  /** Another task bears the provider's id already. */
  | 'duplicate-binding'
  /** A mistake of ours, or no error of the database's at all. */
  | 'ours'

/** How a database is waited for. */
export interface Patience {
  /** How long trouble is given to pass, in milliseconds; what is under way by then is still waited for. */
  readonly patienceMs: number
  readonly troubleOf: (error: unknown) => Trouble
}

const firstPauseMs = 5
const longestPauseMs = 100

/**
 * Runs work on a database, and again while its trouble may pass. The work must bear to be done twice, also when nobody
 * heard that it was done. Throws StoreUnavailableError for what the database itself could not do; DuplicateBindingError
 * if another task bears the provider's id.
 */
export async function patiently<T>(work: () => Promise<T>, { patienceMs, troubleOf }: Patience): Promise<T> {
  const startedAt = performance.now()
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await work()
    } catch (error) {
      const trouble = troubleOf(error)
      if (trouble === 'ours') throw error
      if (trouble === 'duplicate-binding') {
        throw new DuplicateBindingError("Another task bears this provider's id.", { cause: error })
      }
      if (trouble === 'away' || performance.now() - startedAt > patienceMs) {
        throw new StoreUnavailableError('The store cannot be used now.', { cause: error })
      }
      if (trouble === 'passing') await sleep(pauseMs)
    }
  }
}
