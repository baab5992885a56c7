import { setTimeout as sleep } from 'node:timers/promises'
import { StoreUnavailableError } from '../errors.ts'

const storeRetryMs = 500

/** What the provider has answered must reach the store, however long that is away; it logs that itself. */
export async function retryUntilStored(write: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await write()
      return
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      await sleep(storeRetryMs, undefined, { ref: false })
    }
  }
}
