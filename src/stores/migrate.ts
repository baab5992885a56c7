import { Migrator, type Kysely, type Migration } from 'kysely'
import { StoreUnavailableError } from '../separation/errors.ts'
import { withRetry, type RetryOptions } from './with-retry.ts'
import { compatibleSuffix, migrations, type Database } from './schema.ts'
import type { Log } from '../runtime/log.ts'

/** The tables are not those of this version, nor of one before it, nor of one after it. */
class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

/** A later version has changed the tables in a way that this one may not understand. Nothing was changed. */
export class NewerVersionError extends Error {
  override readonly name = 'NewerVersionError'
  constructor(changes: readonly string[], options?: ErrorOptions) {
    super(
      `The database was written by a later version of Stemgate: it has the changes ${changes.join(', ')}, which this ` +
        'version does not know and could damage. Start the later version again, or restore a backup that was made before it.',
      options,
    )
  }
}

/**
 * Brings the tables up to date; several gateways may do so at once. Tables that a later version has changed are used as
 * they are if that version says so of each change, with a warning. Throws NewerVersionError if it does not.
 */
export async function migrate(db: Kysely<Database>, retryOptions: RetryOptions, log?: Log): Promise<void> {
  try {
    const later = await withRetry(() => applyMigrations(db), retryOptions)
    if (later.length > 0) {
      const words = 'the database was written by a later version, whose changes this one can work with: upgrade soon'
      log?.warn({ changes: later }, words)
    }
  } catch (error) {
    const isExpected = error instanceof StoreUnavailableError || error instanceof NewerVersionError
    if (isExpected || !(error instanceof Error)) throw error
    throw new Error(`The tables of the store could not be brought up to date: ${error.message}`, { cause: error })
  }
}

/** Resolves to the changes of later versions that stay. */
async function applyMigrations(db: Kysely<Database>): Promise<readonly string[]> {
  const later = (await changesOf(db)).filter((name) => !(name in migrations))
  const unsafe = later.filter((name) => !name.endsWith(compatibleSuffix))
  if (unsafe.length > 0) throw new NewerVersionError(unsafe)
  // They are there already, so that nothing is done for them.
  const known: Record<string, Migration> = { ...migrations, ...Object.fromEntries(later.map((name) => [name, done])) }
  const migrator = new Migrator({ db, provider: { getMigrations: async () => known } })
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return later
  // Another gateway, of a later version, may have been quicker.
  const news = (await changesOf(db)).filter((name) => !(name in known))
  if (news.length > 0) throw new NewerVersionError(news, { cause: error })
  const isOfTheTables = error instanceof Error && error.message.startsWith('corrupted migrations')
  throw isOfTheTables ? new MigrationError(error.message, { cause: error }) : error
}

const done: Migration = { up: async () => {} }

/** The names of the changes that were made to the tables, in their order. */
async function changesOf(db: Kysely<Database>): Promise<readonly string[]> {
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
