import { Socket } from 'node:net'
import { PostgresDialect, type Dialect } from 'kysely'
import pg from 'pg'
import { supportsStartupLimits, limitTransactions, type ServerLimits } from './limited-pool.ts'
import type { Log } from '../runtime/log.ts'

/** How long anything may take on a connection, in milliseconds. */
export interface PostgresLimits {
  readonly connections: number
  /** A statement; ended by the server. */
  readonly statementMs: number
  /** Waiting for a lock; ended by the server. */
  readonly lockMs: number
  /** A transaction in which nothing happens, as that of a gateway that was stopped; ended by the server. */
  readonly restMs: number
  /** A connection on which nothing arrives is taken for dead; longer than what the server itself would end. */
  readonly silenceMs: number
}

export const defaultLimits: PostgresLimits = {
  connections: 10,
  statementMs: 4_000,
  lockMs: 3_000,
  restMs: 5_000,
  silenceMs: 5_000,
}

/** Changing tables takes as long as it takes. */
export const migrationLimits: PostgresLimits = {
  connections: 1,
  statementMs: 0,
  lockMs: 0,
  restMs: 0,
  silenceMs: 600_000,
}

const connectTimeoutMs = 3_000
/** Idle connections are closed before they are taken for dead. */
const idleShareOfSilence = 0.8

/**
 * Connections to a database of PostgreSQL's for Kysely. Times and counts come as numbers. Throws if the database cannot be
 * reached.
 */
export async function createPostgresDialect(url: string, limits: PostgresLimits, log: Log): Promise<Dialect> {
  const serverLimits: ServerLimits = {
    statement_timeout: limits.statementMs,
    lock_timeout: limits.lockMs,
    idle_in_transaction_session_timeout: limits.restMs,
  }
  const connection = { connectionString: url, application_name: 'stemgate', connectionTimeoutMillis: connectTimeoutMs }
  const isDirect = await supportsStartupLimits(
    { ...connection, stream: () => socketWithTimeout(limits.silenceMs) },
    serverLimits,
  )
  const pool = new pg.Pool({
    ...connection,
    ...(isDirect ? serverLimits : {}),
    max: limits.connections,
    idleTimeoutMillis: limits.silenceMs * idleShareOfSilence,
    stream: () => socketWithTimeout(limits.silenceMs),
    types: {
      getTypeParser: (type, format) =>
        type === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(type, format),
    },
  })
  // Without a listener, a connection that breaks while no statement is under way would end the process: in the pool, or
  // in the middle of a transaction. Whoever uses it next is told.
  const lost = ({ message }: Error) => log.debug({ cause: message }, 'a connection to PostgreSQL was lost')
  pool.on('error', lost)
  pool.on('connect', (client) => client.on('error', lost))
  return new PostgresDialect({ pool: isDirect ? pool : limitTransactions(pool, serverLimits) })
}

/** A connection whose other side has vanished without a word would otherwise be waited for until the system gives up. */
function socketWithTimeout(silenceMs: number): Socket {
  const socket = new Socket()
  socket.setTimeout(silenceMs, () => {
    socket.destroy(new Error(`PostgreSQL has not been heard of for ${silenceMs / 1000} s.`))
  })
  return socket
}
