import type { Kysely, TransactionBuilder } from 'kysely'
import type { Dialect } from './facet.ts'
import type { LockTrack } from './create-order.ts'
import type { Database } from './schema.ts'
import type { Clock } from '../separation/store.ts'

/** What differs between SQLite and PostgreSQL. */
export interface DatabaseTraits {
  readonly dialect: Dialect
  /** Runs work and retries transient errors. Converts errors to those that `Store` documents. */
  readonly attempt: <T>(work: () => Promise<T>) => Promise<T>
  readonly lockTrack: LockTrack
  /** Whether the database locks rows (`for update skip locked`). */
  readonly hasRowLocks: boolean
  readonly clock: Clock
  readonly close: () => Promise<void>
}

/** A transaction that sees, after waiting for a lock, what the lock's holder committed, whatever the server's default isolation. */
export function readCommittedTransaction(db: Kysely<Database>): TransactionBuilder<Database> {
  return db.transaction().setIsolationLevel('read committed')
}
