import { setTimeout as sleep } from 'node:timers/promises'
import { DuplicateBindingError, StoreUnavailableError } from '../separation/errors.ts'

/** What an error of a database means for the work that met it. */
export type ErrorKind =
  /** Somebody else was quicker; the work begins again at once and sees what they did. */
  | 'conflict'
  /** It may be over in a moment: a lock, a connection that was lost. */
  | 'transient'
  /** The database cannot do it now, and has been given its time. */
  | 'unavailable'
  /** Another task bears the provider's id already. */
  | 'duplicate-binding'
  /** A mistake of ours, or no error of the database's at all. */
  | 'fatal'

/** How a database is waited for. */
export interface RetryOptions {
  /** How long trouble is given to pass, in milliseconds; what is under way by then is still waited for. */
  readonly giveUpAfterMs: number
  readonly classify: (error: unknown) => ErrorKind
}

const initialPauseMs = 5
const maxPauseMs = 100

/**
 * Runs work on a database, and again while its trouble may pass. The work must bear to be done twice, also when nobody
 * heard that it was done. Throws StoreUnavailableError for what the database itself could not do; DuplicateBindingError
 * if another task bears the provider's id.
 */
export async function withRetry<T>(work: () => Promise<T>, { giveUpAfterMs, classify }: RetryOptions): Promise<T> {
  const startedAt = performance.now()
  for (let pauseMs = initialPauseMs; ; pauseMs = Math.min(pauseMs * 2, maxPauseMs)) {
    try {
      return await work()
    } catch (error) {
      const kind = classify(error)
      if (kind === 'fatal') throw error
      if (kind === 'duplicate-binding') {
        throw new DuplicateBindingError("Another task bears this provider's id.", { cause: error })
      }
      if (kind === 'unavailable' || performance.now() - startedAt > giveUpAfterMs) {
        throw new StoreUnavailableError('The store cannot be used now.', { cause: error })
      }
      if (kind === 'transient') await sleep(pauseMs)
    }
  }
}
