/** The minimum time between two fetches, even if the first one failed, in milliseconds. */
const minIntervalMs = 1_000

/** The requests to JWT_JWKS_URL. */
export interface JwksFetches {
  readonly fetch: typeof fetch
  /** How many fetches have started. */
  started(): number
  /** The number of the fetch that was answered last, counted from 1. */
  lastAnswered(): number
}

/** Limits fetches. jose caches keys but not failures, so without a limit every token would cause a fetch during an outage. */
export function createJwksFetches(): JwksFetches {
  const mayFetch = createThrottle(minIntervalMs)
  let started = 0
  let lastAnswered = 0
  return {
    started: () => started,
    lastAnswered: () => lastAnswered,
    async fetch(...request) {
      if (!mayFetch()) throw new Error('JWT_JWKS_URL was fetched a moment ago without a usable result.')
      started += 1
      const number = started
      const response = await fetch(...request)
      lastAnswered = number
      return response
    },
  }
}

/** Returns a function that returns true at most once in `intervalMs`, even if the clock is set back. */
function createThrottle(intervalMs: number): () => boolean {
  let lastMs = -Infinity
  return function isAllowed() {
    if (Math.abs(Date.now() - lastMs) < intervalMs) return false
    lastMs = Date.now()
    return true
  }
}
