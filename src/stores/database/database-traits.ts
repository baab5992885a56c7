import type { Kysely } from 'kysely'
import type { Clock } from '../../separation/store/clock.ts'
import type { RateCounter } from '../../separation/store/rate-counter.ts'
import type { ChangeReader } from '../../separation/store/change-reader.ts'
import type { Dialect } from './facet.ts'
import type { Job } from './job.ts'
import type { Database } from './tables.ts'

/** Runs a job and retries it after transient errors. Converts errors to those that `Store` documents. */
export type Run = <T>(job: () => Job<T>) => Promise<T>

/** Blocks other orders for the same track until the transaction ends. */
export type LockTrack = (db: Kysely<Database>, track: string) => Job<void>

/** Runs work of an owner when it is the owner's turn. */
export type InOwnersTurn = <T>(owner: string, work: () => Promise<T>) => Promise<T>

/** What differs between SQLite and PostgreSQL. */
export interface DatabaseTraits {
  readonly dialect: Dialect
  /** Runs a job that only reads. */
  readonly read: Run
  /** Runs a job each of whose queries may be committed by itself. */
  readonly write: Run
  /** Runs a job as one transaction. It sees, after waiting for a lock, what the lock's holder committed. */
  readonly transact: Run
  /** null if a transaction locks the whole database. */
  readonly lockTrack: LockTrack | null
  /** In whose turn an order is stored: orders of one owner may wait for each other in the database. */
  readonly inOwnersTurn: InOwnersTurn
  /** Whether the database locks rows (`for update skip locked`). */
  readonly hasRowLocks: boolean
  readonly revisions: ChangeReader['revisions']
  readonly foreignCommits: ChangeReader['foreignCommits']
  /** Called after a transaction that has changed many pages, so that the next order does not have to tidy up after it. Never throws. */
  readonly afterLargeWrite: () => void
  /** Called in the job that gives a stored task another revision. */
  readonly onRevision: (id: string) => void
  readonly rateCounter: RateCounter | null
  readonly clock: Clock
  readonly close: () => Promise<void>
}
