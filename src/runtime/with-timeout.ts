import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves to the promise's value, or to null after `ms` milliseconds. */
export async function withTimeout<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  const cancelTimer = new AbortController()
  try {
    return await Promise.race([promise, sleep(ms, null, { signal: cancelTimer.signal })])
  } finally {
    cancelTimer.abort()
  }
}
