import { Migrator, type Kysely, type Migration } from 'kysely'
import { StoreUnavailableError } from '../../separation/errors.ts'
import { withRetry, type RetryOptions } from '../database/with-retry.ts'
import { compareMigrations } from './compare-migrations.ts'
import { migrations } from './migrations.ts'
import type { Database } from '../database/tables.ts'
import type { Log } from '../../runtime/log.ts'

/** The tables match no version of Stemgate. */
class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

/** A newer version migrated the database, and not all of its migrations are marked as compatible. Nothing was changed. */
class NewerVersionError extends Error {
  override readonly name = 'NewerVersionError'
  constructor(changes: readonly string[], options?: ErrorOptions) {
    super(
      `The database was written by a newer version of Stemgate. This version does not know its migrations ` +
        `(${changes.join(', ')}) and could damage the data. Start the newer version, or restore a backup from before it.`,
      options,
    )
  }
}

/** The tables are not those of this version, and this program does not migrate them. Nothing was changed. */
class UnmigratedError extends Error {
  override readonly name = 'UnmigratedError'
  constructor(pending: readonly string[]) {
    super(
      pending.length === Object.keys(migrations).length
        ? 'No gateway has used it.'
        : `Its gateways are of an older version. Use the program of their version, or start a gateway of this version, ` +
            `which migrates it (${pending.join(', ')}).`,
    )
  }
}

/** Makes sure that the tables of a database can be used. */
export type PrepareTables = (db: Kysely<Database>, retryOptions: RetryOptions, log?: Log) => Promise<void>

/** Refuses a database that a gateway of this version would migrate: its gateways might be of an older version. */
export async function requireTables(db: Kysely<Database>, retryOptions: RetryOptions): Promise<void> {
  const { pending, incompatible } = compareMigrations(await withRetry(() => appliedMigrations(db), retryOptions))
  if (incompatible.length > 0) throw new NewerVersionError(incompatible)
  if (pending.length > 0) throw new UnmigratedError(pending)
}

/**
 * Migrates the tables; several gateways may do so at the same time. If a newer version has migrated them, logs a warning
 * if each unknown migration is marked as compatible, and throws NewerVersionError otherwise.
 */
export async function migrate(db: Kysely<Database>, retryOptions: RetryOptions, log?: Log): Promise<void> {
  try {
    const newer = await withRetry(() => applyMigrations(db), retryOptions)
    if (newer.length > 0) {
      const message =
        'the database was written by a newer version; this version is compatible with its changes, upgrade soon'
      log?.warn({ changes: newer }, message)
    }
  } catch (error) {
    const isExpected = error instanceof StoreUnavailableError || error instanceof NewerVersionError
    if (isExpected || !(error instanceof Error)) throw error
    throw new Error(`The database could not be migrated: ${error.message}`, { cause: error })
  }
}

/** Resolves to the names of the compatible migrations that a newer version applied. */
async function applyMigrations(db: Kysely<Database>): Promise<readonly string[]> {
  const { pending, newer, incompatible } = compareMigrations(await appliedMigrations(db))
  if (incompatible.length > 0) throw new NewerVersionError(incompatible)
  // The usual start. Kysely's migrator would take a lock and find the same.
  if (pending.length === 0) return newer
  // Kysely must know every applied migration, so the newer ones are listed too. They are applied already and do not run.
  const known: Record<string, Migration> = {
    ...migrations,
    ...Object.fromEntries(newer.map((name) => [name, applied])),
  }
  const migrator = new Migrator({ db, provider: { getMigrations: async () => known } })
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return newer
  // A newer gateway may have migrated the database at the same time.
  const unknown = (await appliedMigrations(db)).filter((name) => !(name in known))
  if (unknown.length > 0) throw new NewerVersionError(unknown, { cause: error })
  const isMismatch = error instanceof Error && error.message.startsWith('corrupted migrations')
  throw isMismatch ? new MigrationError(error.message, { cause: error }) : error
}

const applied: Migration = { up: async () => {} }

/** The names of the applied migrations, in order. */
async function appliedMigrations(db: Kysely<Database>): Promise<readonly string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some(({ name }) => name === 'kysely_migration')) return []
  const rows = await db
    .withTables<{ kysely_migration: { name: string } }>()
    .selectFrom('kysely_migration')
    .select('name')
    .orderBy('name')
    .execute()
  return rows.map(({ name }) => name)
}
