import pg from 'pg'
import type { ErrorKind } from './with-retry.ts'

/** PostgreSQL's codes, https://www.postgresql.org/docs/current/errcodes-appendix.html */
const uniqueViolation = '23505'
const serializationFailure = '40001'
const deadlock = '40P01'
/** It was waited for as long as the connection's own limits allow: `lock_timeout`, `statement_timeout`. */
const waitTimeouts = ['55P03', '57014']
/** Classes of what the server cannot do now: connections, resources, an operator's stop, files, a read-only stand-by. */
const serverErrorClasses = ['08', '53', '57', '58', 'F0', 'XX', '25', '28', '3D']

/** What an error of PostgreSQL's, or of the way to it, means. */
export function classifyPostgresError(error: unknown): ErrorKind {
  if (!(error instanceof Error)) return 'fatal'
  if (!(error instanceof pg.DatabaseError)) return isOfTheConnection(error) ? 'transient' : 'fatal'
  const { code = '', constraint } = error
  if (code === serializationFailure || code === deadlock) return 'conflict'
  if (code === uniqueViolation) {
    if (constraint === 'tasks_bound') return 'duplicate-binding'
    return constraint === 'keys_one' ? 'conflict' : 'fatal'
  }
  if (waitTimeouts.includes(code)) return 'unavailable'
  return serverErrorClasses.includes(code.slice(0, 2)) ? 'transient' : 'fatal'
}

/** The driver and the network throw plain errors; what our own reading of a row throws is of a kind of its own. */
function isOfTheConnection(error: Error): boolean {
  return 'code' in error || Object.getPrototypeOf(error) === Error.prototype
}
