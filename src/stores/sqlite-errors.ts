import type { ErrorKind } from './with-retry.ts'

/** SQLite's primary result codes, https://www.sqlite.org/rescode.html */
const busy = 5
const locked = 6
const constraint = 19

/** What an error of SQLite's means: but for a lock and a constraint, all of them say that the file cannot be used now. */
export function classifySqliteError(error: unknown): ErrorKind {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_SQLITE_ERROR') return 'fatal'
  // The low byte of an extended code is its primary one.
  const code = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0
  if (code === busy || code === locked) return 'transient'
  if (code !== constraint) return 'unavailable'
  return error.message.includes('tasks.provider_task_id') ? 'duplicate-binding' : 'fatal'
}
