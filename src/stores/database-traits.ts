import type { Kysely, TransactionBuilder } from 'kysely'
import type { Dialect } from './facet.ts'
import type { LockTrack } from './create-order.ts'
import type { Database } from './schema.ts'
import type { Clock } from '../separation/store.ts'

/** What the databases do each in its own way. */
export interface DatabaseTraits {
  readonly dialect: Dialect
  /** Runs work, again where its trouble may pass; gives every error the meaning that `Store` names. */
  readonly attempt: <T>(work: () => Promise<T>) => Promise<T>
  readonly lockTrack: LockTrack
  /** Whether rows that somebody else is just claiming can be passed over. */
  readonly supportsSkipLocked: boolean
  readonly clock: Clock
  readonly close: () => Promise<void>
}

/** A transaction; whatever the server's default is, who has waited for a lock sees what was done under it. */
export function readCommittedTransaction(db: Kysely<Database>): TransactionBuilder<Database> {
  return db.transaction().setIsolationLevel('read committed')
}
