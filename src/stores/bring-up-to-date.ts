import { Migrator, type Kysely } from 'kysely'
import { StoreUnavailableError } from '../separation/errors.ts'
import { patiently, type Trouble } from './patiently.ts'
import { migrations, type Database } from './schema.ts'

/** Brings the tables up to date; several gateways may do so at once. Throws if a later version has written them. */
export async function bringUpToDate(db: Kysely<Database>, troubleOf: (error: unknown) => Trouble): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const migrate = async () => {
    const { error } = await migrator.migrateToLatest()
    if (error !== undefined) throw error
  }
  try {
    await patiently(migrate, troubleOf)
  } catch (error) {
    if (error instanceof StoreUnavailableError || !(error instanceof Error)) throw error
    throw new Error(`The tables of the store could not be brought up to date: ${error.message}`, { cause: error })
  }
}
