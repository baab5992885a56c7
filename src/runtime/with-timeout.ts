import { setTimeout as sleep } from 'node:timers/promises'

/** The promise's value, or null if it takes longer than `ms`. */
export async function withTimeout<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  const timeUp = new AbortController()
  try {
    return await Promise.race([promise, sleep(ms, null, { signal: timeUp.signal })])
  } finally {
    timeUp.abort()
  }
}
