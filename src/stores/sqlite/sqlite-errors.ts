import type { ErrorKind } from '../database/with-retry.ts'

/** SQLite's primary result codes, https://www.sqlite.org/rescode.html */
const busy = 5
const locked = 6
const constraint = 19

/** Classifies an error of SQLite. Every error except a lock and a violated constraint means that the file is unusable. */
export function classifySqliteError(error: unknown): ErrorKind {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_SQLITE_ERROR') return 'fatal'
  const code = primaryCodeOf(error)
  if (code === busy || code === locked) return 'transient'
  if (code !== constraint) return 'unavailable'
  return error.message.includes('tasks.provider_task_id') ? 'duplicate-binding' : 'fatal'
}

/** The primary result code of an error. The driver's `all()` reports no code, so its message decides. */
function primaryCodeOf(error: Error): number {
  // The low byte of an extended result code is the primary code.
  if ('errcode' in error && typeof error.errcode === 'number') return error.errcode & 0xff
  if (/^database (table |schema )?is locked/.test(error.message)) return busy
  return /constraint failed/.test(error.message) ? constraint : 0
}
