import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import pg from 'pg'

/** The time limits that the server enforces, by setting name, in milliseconds; 0 means no limit. */
export type ServerLimits = Readonly<
  Record<'statement_timeout' | 'lock_timeout' | 'idle_in_transaction_session_timeout', number>
>

/** The code with which PostgreSQL and PgBouncer reject a startup parameter. */
const protocolViolation = '08P01'

/**
 * Whether connections keep limits that are set as startup parameters. A pooler in transaction mode, such as PgBouncer,
 * rejects or ignores them.
 */
export async function supportsStartupLimits(config: pg.ClientConfig, limits: ServerLimits): Promise<boolean> {
  const client = new pg.Client({ ...config, ...limits })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ name: string; setting: string }>(
      'select name, setting from pg_settings where name = any($1)',
      [Object.keys(limits)],
    )
    const settings = new Map(rows.map(({ name, setting }) => [name, Number(setting)]))
    return Object.entries(limits).every(([name, ms]) => settings.get(name) === ms)
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === protocolViolation) return false
    throw error
  } finally {
    await client.end().catch(() => {})
  }
}

/**
 * A pool that sets the limits in each transaction, in the round trip that begins it. A statement outside a transaction
 * gets its own transaction.
 */
export function limitTransactions(pool: pg.Pool, limits: ServerLimits): PostgresPool {
  const sets = Object.entries(limits).map(([name, ms]) => `set local ${name} = ${ms}`)
  const withLimits = (begin: string) => [begin, ...sets].join('; ')

  return {
    connect: async () => limited(await pool.connect()),
    end: () => pool.end(),
  }

  function limited(client: pg.PoolClient): PostgresPoolClient {
    let isInTransaction = false

    function query<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>
    function query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>
    function query<R>(
      text: string | PostgresCursor<R>,
      parameters: readonly unknown[] = [],
    ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
      if (typeof text !== 'string') throw new TypeError('This pool does not support cursors.')
      return run(text, parameters)
    }

    async function run(text: string, parameters: readonly unknown[]) {
      if (/^(begin|start transaction)\b/.test(text)) {
        isInTransaction = true
        return send(withLimits(text), [])
      }
      if (/^(commit|rollback)$/.test(text)) isInTransaction = false
      else if (!isInTransaction) return runAlone(text, parameters)
      return send(text, parameters)
    }

    async function runAlone(text: string, parameters: readonly unknown[]) {
      await send(withLimits('begin'), [])
      try {
        const result = await send(text, parameters)
        await send('commit', [])
        return result
      } catch (error) {
        // The server may have ended the transaction already, or the connection may be lost.
        await send('rollback', []).catch(() => {})
        throw error
      }
    }

    async function send(text: string, parameters: readonly unknown[]) {
      const { command, rowCount, rows } = await client.query(text, [...parameters])
      return { command: commandOf(command), rowCount: rowCount ?? 0, rows }
    }

    return { query, release: () => client.release() }
  }
}

type Command = PostgresQueryResult<unknown>['command']

function commandOf(command: string): Command {
  return command === 'INSERT' || command === 'UPDATE' || command === 'DELETE' || command === 'MERGE'
    ? command
    : 'SELECT'
}
