import { Kysely, sql } from 'kysely'
import { createDatabaseClock } from './database-clock.ts'
import type { Run } from '../database/database-traits.ts'
import { rowsOf, runJob, type Job } from '../database/job.ts'
import { inOneRead } from '../database/in-one-read.ts'
import { createKyselyStore } from '../kysely-store.ts'
import { withRetry } from '../database/with-retry.ts'
import { createOwnerTurns } from './owner-turns.ts'
import { createPostgresDialect, migrationLimits, defaultLimits, type PostgresLimits } from './postgres-dialect.ts'
import { classifyPostgresError } from './postgres-errors.ts'
import { createPostgresRateCounter } from './postgres-rate-counter.ts'
import { migrate, type PrepareTables } from '../migrations/migrate.ts'
import type { Database } from '../database/tables.ts'
import { observedRuns, unobserved, type StoreObserver } from '../database/store-observer.ts'
import { createWorkQueue } from './work-queue.ts'
import type { Log } from '../../runtime/log.ts'
import type { Store } from '../../separation/store/store.ts'

/** Long enough to detect a dead connection and repeat the work on another one. */
const retryOptions = { giveUpAfterMs: defaultLimits.silenceMs + 1_000, classify: classifyPostgresError }

/** Under load, work waits here and not in the pool, which cannot tell a busy database from an unavailable one. */
const waitOptions = { giveUpAfterMs: retryOptions.giveUpAfterMs, maxWaitMs: 20_000 }
/** The part of the connections that the orders of one owner may use at a time. */
const ownersShare = 0.3

export interface PostgresOptions {
  readonly observer?: StoreObserver
  readonly prepareTables?: PrepareTables
  readonly connections?: number | undefined
}

/**
 * Opens the store in a PostgreSQL database and migrates it; several gateways may do so at the same time. Throws if the
 * database is unreachable, was written by a newer version, may lose commits, or if its clock differs from this machine's.
 */
export async function openPostgresStore(
  url: string,
  log: Log,
  { observer = unobserved, prepareTables = migrate, connections = defaultLimits.connections }: PostgresOptions = {},
): Promise<Store> {
  const db = await openPostgres(url, log, { ...defaultLimits, connections }, prepareTables)
  try {
    await withRetry(() => requireDurability(db), retryOptions)
    const clock = await createDatabaseClock({
      readMs: () => withRetry(() => readTime(db), retryOptions),
      onSkew: observer.clockSkew,
      log,
    })
    const enqueue = createWorkQueue({ ...waitOptions, concurrency: connections })
    const attempt = <T>(work: () => Promise<T>) => enqueue(() => withRetry(work, retryOptions))
    const runEach: Run = (job) => attempt(() => runJob(job(), db))
    const transact: Run = (job) =>
      attempt(() =>
        db
          .transaction()
          .setIsolationLevel('read committed')
          .execute((trx) => runJob(job(), trx)),
      )
    const runs = observedRuns({ read: runEach, write: runEach, transact }, observer)
    return createKyselyStore(db, {
      dialect: 'postgres',
      ...runs,
      rateCounter: createPostgresRateCounter(db, runs.write),
      lockTrack,
      inOwnersTurn: createOwnerTurns({
        ...waitOptions,
        concurrency: Math.max(1, Math.floor(connections * ownersShare)),
      }),
      hasRowLocks: true,
      revisions: inOneRead((ids) => observer.measure('revisions', () => runEach(() => readRevisions(db, ids)))),
      foreignCommits: async () => null,
      afterLargeWrite: () => {},
      onRevision: () => {},
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

/** Commits must be on disk: if a crash loses an order that was sent, the order is charged twice. */
async function requireDurability(db: Kysely<Database>): Promise<void> {
  const { rows } = await sql<{ synchronous_commit: string }>`show synchronous_commit`.execute(db)
  if (rows[0]?.synchronous_commit === 'off') throw new LossyDatabaseError()
}

function* readRevisions(db: Kysely<Database>, ids: readonly string[]): Job<ReadonlyMap<string, number>> {
  // One parameter: a query with one for each id would be built and parsed anew each time.
  const rows = yield* rowsOf(
    sql<{ id: string; revision: number }>`select id, revision from tasks where id = any(${ids})`.compile(db),
  )
  return new Map(rows.map(({ id, revision }) => [id, revision]))
}

/** The server's time, in milliseconds since 1970. */
async function readTime(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ now: number }>`
    select (extract(epoch from clock_timestamp()) * 1000)::float8 as now`.execute(db)
  const [row] = rows
  if (row === undefined) throw new Error('PostgreSQL returned no time.')
  return row.now
}

class LossyDatabaseError extends Error {
  override readonly name = 'LossyDatabaseError'
  constructor() {
    super(
      'synchronous_commit is off in this database. A crash could lose orders that were sent, and they would be charged ' +
        'twice. Turn it on: alter database <name> set synchronous_commit = on.',
    )
  }
}

/** Opens the database and migrates it. */
export async function openPostgres(
  url: string,
  log: Log,
  limits = defaultLimits,
  prepareTables: PrepareTables = migrate,
): Promise<Kysely<Database>> {
  const connect = (connectionLimits: PostgresLimits) =>
    withRetry(async () => {
      return new Kysely<Database>({ dialect: await createPostgresDialect(url, connectionLimits, log) })
    }, retryOptions)
  const migrating = await connect(migrationLimits)
  try {
    await prepareTables(migrating, retryOptions, log)
  } finally {
    await migrating.destroy()
  }
  return connect(limits)
}

/** Two tracks with the same hash may wait for each other, which is harmless. */
function* lockTrack(db: Kysely<Database>, track: string): Job<void> {
  yield* rowsOf(sql`select pg_advisory_xact_lock(hashtextextended(${track}, 0))`.compile(db))
}
