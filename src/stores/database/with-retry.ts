import { setTimeout as sleep } from 'node:timers/promises'
import { DuplicateBindingError, StoreUnavailableError } from '../../separation/errors.ts'

/** How to react to a database error. */
export type ErrorKind =
  /** Another transaction committed first: retry at once, and see its result. */
  | 'conflict'
  /** It may pass, such as a lock or a lost connection: retry after a pause. */
  | 'transient'
  /** The database cannot do it now, and a retry would not help: its own timeout has passed, or the disk is full. */
  | 'unavailable'
  /** Another task is bound to the provider task id. */
  | 'duplicate-binding'
  /** A bug, or not a database error. */
  | 'fatal'

/** How long to retry, and which errors. */
export interface RetryOptions {
  /** How long to retry, in milliseconds. An attempt that has begun by then is not interrupted. */
  readonly giveUpAfterMs: number
  readonly classify: (error: unknown) => ErrorKind
}

const initialPauseMs = 5
const maxPauseMs = 100

/**
 * Runs work on a database and retries it after transient errors and conflicts. The work must be idempotent: an attempt
 * may have been committed although it failed. Throws StoreUnavailableError if the database cannot do it, and
 * DuplicateBindingError if another task is bound to the provider task id.
 */
export async function withRetry<T>(work: () => Promise<T>, { giveUpAfterMs, classify }: RetryOptions): Promise<T> {
  const startedAt = performance.now()
  for (let pauseMs = initialPauseMs; ; pauseMs = Math.min(pauseMs * 2, maxPauseMs)) {
    try {
      return await work()
    } catch (error) {
      const kind = classify(error)
      const mayPass = kind === 'transient' || kind === 'conflict'
      if (!mayPass || performance.now() - startedAt > giveUpAfterMs) throw storeErrorOf(error, kind)
      if (kind === 'transient') await sleep(pauseMs)
    }
  }
}

/** The error that callers of the store know: see `Store`. */
export function storeErrorOf(error: unknown, kind: ErrorKind): unknown {
  switch (kind) {
    case 'fatal':
      return error
    case 'duplicate-binding':
      return new DuplicateBindingError('Another task is bound to this provider task id.', { cause: error })
    case 'conflict':
    case 'transient':
    case 'unavailable':
      return new StoreUnavailableError('The database is unavailable.', { cause: error })
  }
}
