import { createOutageLog } from '../runtime/outage-log.ts'
import { StoreUnavailableError } from '../separation/errors.ts'
import type { DatabaseAddress } from './database/database-url.ts'
import { migrate, requireTables, type PrepareTables } from './migrations/migrate.ts'
import { unobserved, type StoreObserver } from './database/store-observer.ts'
import type { Log } from '../runtime/log.ts'
import type { Store } from '../separation/store/store.ts'

export interface StoreOptions {
  readonly observer?: StoreObserver
  /** How many connections to PostgreSQL are opened at most. Default: 10. */
  readonly connections?: number
}

/** Opens the store. Loads only the driver that the database needs. Throws if the database is unreachable or cannot be migrated. */
export async function openStore(database: DatabaseAddress, log: Log, options: StoreOptions = {}): Promise<Store> {
  return withOutageLog(await open(database, log, options, migrate), log)
}

/**
 * Opens the store of gateways that may be running, for a program that is no gateway. Throws if the database is unreachable, or
 * its tables are not those of this version: they are not migrated.
 */
export function openExistingStore(database: DatabaseAddress, log: Log): Promise<Store> {
  return open(database, log, {}, requireTables)
}

async function open(
  database: DatabaseAddress,
  log: Log,
  { observer = unobserved, connections }: StoreOptions,
  prepareTables: PrepareTables,
): Promise<Store> {
  switch (database.kind) {
    case 'sqlite': {
      const { openSqliteStore } = await import('./sqlite/sqlite-store.ts')
      return openSqliteStore(database.path, log, observer, prepareTables)
    }
    case 'postgres': {
      const { openPostgresStore } = await import('./postgres/postgres-store.ts')
      return openPostgresStore(database.url, log, { observer, prepareTables, connections })
    }
  }
}

/** The minimum time between two test writes during an outage. A successful read does not end an outage: a full disk can be read. */
const probeIntervalMs = 1_000

/** Wraps the store so that it logs its own outages. */
function withOutageLog(store: Store, log: Log): Store {
  const outage = createOutageLog({
    log,
    level: 'error',
    downMessage: 'the database is unavailable: orders are refused and callbacks are answered with 503',
    upMessage: 'the database is available again',
    detail: { outage: 'store' },
  })
  let probedAtMs = -Infinity

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
    if (performance.now() - probedAtMs < probeIntervalMs) return
    probedAtMs = performance.now()
    store.checkWritable().then(outage.worked, () => {})
  }

  return {
    ...store,
    createOrder: (...args) => logOutages(store.createOrder(...args)),
    adopt: (...args) => logOutages(store.adopt(...args)),
    replace: (...args) => logOutages(store.replace(...args)),
    find: (...args) => logOutages(store.find(...args)),
    revisions: (...args) => logOutages(store.revisions(...args)),
    changeTotals: (...args) => logOutages(store.changeTotals(...args)),
    findBound: (...args) => logOutages(store.findBound(...args)),
    list: (...args) => logOutages(store.list(...args)),
    count: (...args) => logOutages(store.count(...args)),
    findUnbound: (...args) => logOutages(store.findUnbound(...args)),
    confirmKey: (...args) => logOutages(store.confirmKey(...args)),
    saveCallback: (...args) => logOutages(store.saveCallback(...args)),
    savedCallbacks: (...args) => logOutages(store.savedCallbacks(...args)),
    stemFiles: (...args) => logOutages(store.stemFiles(...args)),
    learnStemFile: (...args) => logOutages(store.learnStemFile(...args)),
    stemPeaks: (...args) => logOutages(store.stemPeaks(...args)),
    saveStemPeaks: (...args) => logOutages(store.saveStemPeaks(...args)),
    leaseDue: (...args) => logOutages(store.leaseDue(...args)),
    renew: (...args) => logOutages(store.renew(...args)),
    release: (...args) => logOutages(store.release(...args)),
    checkWritable: () => logOutages(store.checkWritable()),
  }
}
