import type { DatabaseAddress } from './database-url.ts'
import type { Log, Store } from '../separation/ports.ts'

/** Opens the store, and loads the driver of this database alone. Throws if it cannot be reached or brought up to date. */
export async function openStore(database: DatabaseAddress, log: Log): Promise<Store> {
  switch (database.kind) {
    case 'sqlite': {
      const { openSqliteStore } = await import('./sqlite-store.ts')
      return openSqliteStore(database.path)
    }
    case 'postgres': {
      const { openPostgresStore } = await import('./postgres-store.ts')
      return openPostgresStore(database.url, log)
    }
  }
}
