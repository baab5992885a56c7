import { Migrator, type Kysely } from 'kysely'
import { StoreUnavailableError } from '../separation/errors.ts'
import { patiently, type Patience } from './patiently.ts'
import { migrations, type Database } from './schema.ts'

/** The tables are not those of this version, nor of one before it. */
class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

/** Brings the tables up to date; several gateways may do so at once. Throws if a later version has written them. */
export async function bringUpToDate(db: Kysely<Database>, patience: Patience): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const migrate = async () => {
    const { error } = await migrator.migrateToLatest()
    if (error === undefined) return
    const isOfTheTables = error instanceof Error && error.message.startsWith('corrupted migrations')
    throw isOfTheTables ? new MigrationError(error.message, { cause: error }) : error
  }
  try {
    await patiently(migrate, patience)
  } catch (error) {
    if (error instanceof StoreUnavailableError || !(error instanceof Error)) throw error
    throw new Error(`The tables of the store could not be brought up to date: ${error.message}`, { cause: error })
  }
}
