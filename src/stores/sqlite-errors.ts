import type { ErrorKind } from './with-retry.ts'

/** SQLite's primary result codes, https://www.sqlite.org/rescode.html */
const busy = 5
const locked = 6
const constraint = 19

/** Classifies an error of SQLite. Every error except a lock and a violated constraint means that the file is unusable. */
export function classifySqliteError(error: unknown): ErrorKind {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_SQLITE_ERROR') return 'fatal'
  // The low byte of an extended result code is the primary code.
  const code = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0
  if (code === busy || code === locked) return 'transient'
  if (code !== constraint) return 'unavailable'
  return error.message.includes('tasks.provider_task_id') ? 'duplicate-binding' : 'fatal'
}
