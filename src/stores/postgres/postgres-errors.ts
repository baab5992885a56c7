import pg from 'pg'
import type { ErrorKind } from '../database/with-retry.ts'

/** PostgreSQL's error codes, https://www.postgresql.org/docs/current/errcodes-appendix.html */
const uniqueViolation = '23505'
const foreignKeyViolation = '23503'
const serializationFailure = '40001'
const deadlock = '40P01'
/** `lock_timeout` or `statement_timeout` has passed. */
const waitTimeouts = ['55P03', '57014']
/** Classes of temporary server errors: connections, resources, operator intervention, files, a read-only standby. */
const serverErrorClasses = ['08', '53', '57', '58', 'F0', 'XX', '25', '28', '3D']

/** Classifies an error of PostgreSQL or of the connection to it. */
export function classifyPostgresError(error: unknown): ErrorKind {
  if (!(error instanceof Error)) return 'fatal'
  if (!(error instanceof pg.DatabaseError)) return isConnectionError(error) ? 'transient' : 'fatal'
  const { code = '', constraint } = error
  // A task was deleted before a row that refers to it was written.
  if (code === serializationFailure || code === deadlock || code === foreignKeyViolation) return 'conflict'
  if (code === uniqueViolation) {
    if (constraint === 'tasks_bound') return 'duplicate-binding'
    return constraint === 'keys_one' ? 'conflict' : 'fatal'
  }
  if (waitTimeouts.includes(code)) return 'unavailable'
  return serverErrorClasses.includes(code.slice(0, 2)) ? 'transient' : 'fatal'
}

/** The driver and the network throw plain Errors or errors with a code. Our own parsing of rows throws subclasses without one. */
function isConnectionError(error: Error): boolean {
  return 'code' in error || Object.getPrototypeOf(error) === Error.prototype
}
