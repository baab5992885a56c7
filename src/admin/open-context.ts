import { statSync } from 'node:fs'
import type { Environment } from '../config/environment.ts'
import { readSettings } from '../config/settings.ts'
import { describeError } from '../runtime/describe-error.ts'
import { UsageError } from '../runtime/usage-error.ts'
import type { Log } from '../runtime/log.ts'
import type { Store } from '../separation/store/store.ts'
import { describeDatabase, type DatabaseAddress } from '../stores/database/database-url.ts'
import { openExistingStore } from '../stores/open-store.ts'
import { readDatabaseAddress } from '../stores/database/read-database-address.ts'
import type { AdminContext } from './command.ts'

export interface OpenContext extends AdminContext {
  /** Closes the store, if a command has opened it. */
  close(): Promise<void>
}

export interface ContextOptions extends Pick<AdminContext, 'log' | 'note' | 'program' | 'onStop'> {
  readonly environment: Environment
}

/** What the commands work with. Opens nothing before a command asks for it. */
export function createContext({ environment, ...given }: ContextOptions): OpenContext {
  let opened: Promise<Store> | null = null
  const database = () => readDatabaseAddress(environment)

  return {
    ...given,
    database,
    store() {
      opened ??= database().then((address) => openStoreAt(address, given.log))
      return opened
    },
    settings: () => readSettings(environment),
    async close() {
      const store = await opened?.catch(() => null)
      await store?.close()
    },
  }
}

async function openStoreAt(address: DatabaseAddress, log: Log): Promise<Store> {
  const name = describeDatabase(address)
  if (name === ':memory:') throw new UsageError('A database in memory can be read by its gateway alone.')
  if (address.kind === 'sqlite' && statSync(address.path, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new UsageError(`The file ${name} does not exist. Set DATABASE_URL to the database of the gateways.`)
  }
  try {
    return await openExistingStore(address, log)
  } catch (error) {
    throw new UsageError(`The database ${name} cannot be used: ${describeError(error)}`, { cause: error })
  }
}
