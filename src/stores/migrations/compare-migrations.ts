import { compatibleSuffix, migrations } from './migrations.ts'

/** The migrations of a database, compared with those of this version. */
export interface MigrationState {
  /** Those that the start would apply. */
  readonly pending: readonly string[]
  /** Those of a newer version. */
  readonly newer: readonly string[]
  /** Those of a newer version that this version cannot work with. */
  readonly incompatible: readonly string[]
}

/** @param applied the names of the migrations that were applied to a database */
export function compareMigrations(applied: readonly string[]): MigrationState {
  const newer = applied.filter((name) => !(name in migrations))
  return {
    pending: Object.keys(migrations).filter((name) => !applied.includes(name)),
    newer,
    incompatible: newer.filter((name) => !name.endsWith(compatibleSuffix)),
  }
}
