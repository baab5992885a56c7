import { Kysely, sql, type Transaction } from 'kysely'
import { createDatabaseClock } from './database-clock.ts'
import { createKyselyStore } from './kysely-store.ts'
import { withRetry } from './with-retry.ts'
import { createPostgresDialect, migrationLimits, defaultLimits, type PostgresLimits } from './postgres-dialect.ts'
import { classifyPostgresError } from './postgres-errors.ts'
import { migrate } from './migrate.ts'
import type { Database } from './schema.ts'
import { createWorkQueue } from './work-queue.ts'
import type { Log } from '../runtime/log.ts'
import type { Store } from '../separation/store.ts'

/** Long enough to find a connection dead and to do the work on another one. */
const retryOptions = { giveUpAfterMs: defaultLimits.silenceMs + 1_000, classify: classifyPostgresError }

/** Under many requests the work waits here, not in the pool, which takes a busy database for one that is away. */
const workQueueOptions = {
  atOnce: defaultLimits.connections,
  giveUpAfterMs: retryOptions.giveUpAfterMs,
  maxWaitMs: 20_000,
}

/**
 * Opens the store in a database of PostgreSQL's and brings its tables up to date; several gateways may do so at once.
 * Throws if the database cannot be reached, was written by a later version, or has another time.
 */
export async function openPostgresStore(url: string, log: Log): Promise<Store> {
  const db = await openPostgres(url, log)
  try {
    await withRetry(() => demandDurability(db), retryOptions)
    const clock = await createDatabaseClock({ readMs: () => withRetry(() => readTime(db), retryOptions), log })
    const enqueue = createWorkQueue(workQueueOptions)
    return createKyselyStore(db, {
      dialect: 'postgres',
      attempt: (work) => enqueue(() => withRetry(work, retryOptions)),
      lockTrack,
      supportsSkipLocked: true,
      clock,
      async close() {
        clock.close()
        await db.destroy()
      },
    })
  } catch (error) {
    await db.destroy()
    throw error
  }
}

/** What is committed has to be on disk: an order that a crash forgets after it was sent would be paid twice. */
async function demandDurability(db: Kysely<Database>): Promise<void> {
  const { rows } = await sql<{ synchronous_commit: string }>`show synchronous_commit`.execute(db)
  if (rows[0]?.synchronous_commit === 'off') throw new LossyDatabaseError()
}

/** The server's time, in milliseconds since 1970. */
async function readTime(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ now: number }>`
    select (extract(epoch from clock_timestamp()) * 1000)::float8 as now`.execute(db)
  const [row] = rows
  if (row === undefined) throw new Error('PostgreSQL has not told the time.')
  return row.now
}

class LossyDatabaseError extends Error {
  override readonly name = 'LossyDatabaseError'
  constructor() {
    super(
      'synchronous_commit is off in this database, so that a crash may forget orders that were sent already, which would ' +
        'then be paid twice. Turn it on: alter database <name> set synchronous_commit = on.',
    )
  }
}

/** The database's tables, up to date. */
export async function openPostgres(url: string, log: Log, limits = defaultLimits): Promise<Kysely<Database>> {
  const connect = (limitsOfIt: PostgresLimits) =>
    withRetry(async () => {
      return new Kysely<Database>({ dialect: await createPostgresDialect(url, limitsOfIt, log) })
    }, retryOptions)
  const migrating = await connect(migrationLimits)
  try {
    await migrate(migrating, retryOptions, log)
  } finally {
    await migrating.destroy()
  }
  return connect(limits)
}

/** Two tracks whose names share a hash wait for each other now and then, which harms nobody. */
async function lockTrack(trx: Transaction<Database>, track: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${track}, 0))`.execute(trx)
}
