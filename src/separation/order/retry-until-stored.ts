import { setTimeout as sleep } from 'node:timers/promises'
import { StoreUnavailableError } from '../errors.ts'

const retryAfterMs = 500

/** Repeats a write while the store is unavailable, without limit: the answer of a provider must not be lost. */
export async function retryUntilStored(write: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await write()
      return
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      await sleep(retryAfterMs, undefined, { ref: false })
    }
  }
}
