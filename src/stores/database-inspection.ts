import type { MigrationState } from './migrations/compare-migrations.ts'

/** What can be learned of a database without changing it. */
export interface DatabaseInspection extends MigrationState {
  /** Why a gateway could not use the database, to follow its name; null if it could. */
  readonly problem: string | null
  /** Whether it has no tables yet. */
  readonly isNew: boolean
  /** How far the database's clock is ahead of this machine's, in milliseconds; null for SQLite, which has none. */
  readonly skewMs: number | null
}
