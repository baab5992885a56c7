import { createOutageLog } from '../runtime/outage-log.ts'
import { StoreUnavailableError } from '../separation/errors.ts'
import type { DatabaseAddress } from './database-url.ts'
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

/** While the store is away, a success is not enough: a full disk can be read. It is tried to write this often at most. */
const probeEveryMs = 1_000

/** The store, which logs when it goes away and when it is back, so that nobody who uses it has to. */
function withOutageLog(store: Store, log: Log): Store {
  const outage = createOutageLog({
    log,
    level: 'error',
    away: 'the store cannot be used: no order is taken, and callbacks are answered with 503',
    back: 'the store can be used again',
  })
  let probedMs = -Infinity

  async function logOutages<T>(result: Promise<T>): Promise<T> {
    try {
      const value = await result
      if (outage.isDown()) probe()
      return value
    } catch (error) {
      if (error instanceof StoreUnavailableError) outage.failed({ err: error })
      throw error
    }
  }

  function probe(): void {
    if (performance.now() - probedMs < probeEveryMs) return
    probedMs = performance.now()
    store.checkWritable().then(outage.worked, () => {})
  }

  return {
    ...store,
    createOrder: (...given) => logOutages(store.createOrder(...given)),
    adopt: (...given) => logOutages(store.adopt(...given)),
    replace: (...given) => logOutages(store.replace(...given)),
    find: (...given) => logOutages(store.find(...given)),
    findBound: (...given) => logOutages(store.findBound(...given)),
    list: (...given) => logOutages(store.list(...given)),
    findUnbound: (...given) => logOutages(store.findUnbound(...given)),
    confirmKey: (...given) => logOutages(store.confirmKey(...given)),
    saveCallback: (...given) => logOutages(store.saveCallback(...given)),
    savedCallbacks: (...given) => logOutages(store.savedCallbacks(...given)),
    leaseDue: (...given) => logOutages(store.leaseDue(...given)),
    renew: (...given) => logOutages(store.renew(...given)),
    release: (...given) => logOutages(store.release(...given)),
    checkWritable: () => logOutages(store.checkWritable()),
  }
}
