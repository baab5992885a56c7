import { setTimeout as sleep } from 'node:timers/promises'
import { DuplicateBindingError, StoreUnavailableError } from '../separation/errors.ts'

/** How long a lock of another process is waited for, in milliseconds. */
const maxWaitMs = 3_000
const firstPauseMs = 5
const longestPauseMs = 100

/** SQLite's primary result codes, https://www.sqlite.org/rescode.html */
const busy = 5
const locked = 6
const constraint = 19

/**
 * Runs work on SQLite, again if another process holds the lock, without holding up the event loop meanwhile.
 * Throws StoreUnavailableError for whatever the database itself could not do: a lock that stays, a full disk, a file
 * that cannot be written; DuplicateBindingError if another task bears the provider's id.
 */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now()
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await work()
    } catch (error) {
      const code = sqliteCodeOf(error)
      if (code === null) throw error
      if (code === constraint) throw isOfBinding(error) ? duplicateBinding(error) : error
      const isWorthWaiting = (code === busy || code === locked) && performance.now() - startedAt < maxWaitMs
      if (!isWorthWaiting) throw new StoreUnavailableError('The store cannot be used now.', { cause: error })
      await sleep(pauseMs)
    }
  }
}

function duplicateBinding(cause: unknown): DuplicateBindingError {
  return new DuplicateBindingError("Another task bears this provider's id.", { cause })
}

/** Whether the constraint is the one that keeps two tasks from bearing one id of a provider's. */
function isOfBinding(error: unknown): boolean {
  return error instanceof Error && error.message.includes('tasks.provider_task_id')
}

/** The primary result code of an error of SQLite's; null for any other error. */
function sqliteCodeOf(error: unknown): number | null {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_SQLITE_ERROR') return null
  // The low byte of an extended code is its primary one.
  return 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0
}
