import type { DatabaseAddress } from './database-url.ts'
import { withOutageLog } from './store-outage.ts'
import type { Log } from '../runtime/log.ts'
import type { Store } from '../separation/store.ts'

/** Opens the store, and loads the driver of this database alone. Throws if it cannot be reached or brought up to date. */
export async function openStore(database: DatabaseAddress, log: Log): Promise<Store> {
  switch (database.kind) {
    case 'sqlite': {
      const { openSqliteStore } = await import('./sqlite-store.ts')
      return withOutageLog(await openSqliteStore(database.path, log), log)
    }
    case 'postgres': {
      const { openPostgresStore } = await import('./postgres-store.ts')
      return withOutageLog(await openPostgresStore(database.url, log), log)
    }
  }
}
