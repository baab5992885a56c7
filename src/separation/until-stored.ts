import { setTimeout as sleep } from 'node:timers/promises'
import { StoreUnavailableError } from './errors.ts'
import type { Log } from './ports.ts'

const storeRetryMs = 500

/** What the provider has answered must reach the store, however long that is away. */
export async function untilStored(log: Log, write: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await write()
      return
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      log.error({ err: error }, 'the store cannot take the answer to a submit; trying again')
      await sleep(storeRetryMs, undefined, { ref: false })
    }
  }
}
