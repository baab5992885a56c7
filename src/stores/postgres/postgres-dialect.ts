import { Socket } from 'node:net'
import { PostgresDialect, type Dialect } from 'kysely'
import pg from 'pg'
import { supportsStartupLimits, limitTransactions, type ServerLimits } from './limited-pool.ts'
import type { Log } from '../../runtime/log.ts'

/** The number of connections and their timeouts in milliseconds; 0 means no timeout. */
export interface PostgresLimits {
  readonly connections: number
  /** The server cancels longer statements. */
  readonly statementMs: number
  /** The server cancels longer waits for a lock. */
  readonly lockMs: number
  /** The server ends transactions that are idle for longer, such as those of a suspended gateway. */
  readonly idleInTransactionMs: number
  /** The gateway closes a connection that receives nothing for longer. Must exceed the server's own timeouts. */
  readonly silenceMs: number
}

export const defaultLimits: PostgresLimits = {
  connections: 10,
  statementMs: 4_000,
  lockMs: 3_000,
  idleInTransactionMs: 5_000,
  silenceMs: 5_000,
}

/** Migrations run without the server's timeouts. */
export const migrationLimits: PostgresLimits = {
  connections: 1,
  statementMs: 0,
  lockMs: 0,
  idleInTransactionMs: 0,
  silenceMs: 600_000,
}

const connectTimeoutMs = 3_000
/** The pool closes idle connections at this fraction of `silenceMs`, before they count as dead. */
const idleShareOfSilence = 0.8

/** Kysely's dialect for PostgreSQL. `bigint` columns are read as numbers. Throws if the database is unreachable. */
export async function createPostgresDialect(url: string, limits: PostgresLimits, log: Log): Promise<Dialect> {
  const serverLimits: ServerLimits = {
    statement_timeout: limits.statementMs,
    lock_timeout: limits.lockMs,
    idle_in_transaction_session_timeout: limits.idleInTransactionMs,
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
  // Without these listeners, a connection that breaks between two statements, in the pool or in a transaction, would end
  // the process. The next statement on it fails with the error.
  const logLostConnection = ({ message }: Error) => log.debug({ cause: message }, 'a connection to PostgreSQL was lost')
  pool.on('error', logLostConnection)
  pool.on('connect', (client) => client.on('error', logLostConnection))
  return new PostgresDialect({ pool: isDirect ? pool : limitTransactions(pool, serverLimits) })
}

/** A socket that fails after `silenceMs` without data. Otherwise a silently lost peer is noticed only by the system's timeout. */
function socketWithTimeout(silenceMs: number): Socket {
  const socket = new Socket()
  socket.setTimeout(silenceMs, () => {
    socket.destroy(new Error(`PostgreSQL has sent nothing for ${silenceMs / 1000} s.`))
  })
  return socket
}
