import { setTimeout as sleep } from 'node:timers/promises'
import { StoreUnavailableError } from '../errors.ts'

const retryAfterMs = 500

/** Repeats a write while the store is unavailable, without limit: the answer of a provider must not be lost. Resolves to its result. */
export async function retryUntilStored<T>(write: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await write()
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      await sleep(retryAfterMs, undefined, { ref: false })
    }
  }
}
