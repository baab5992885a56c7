/** How long the issuer is left alone after a fetch, even one that failed, in milliseconds. */
const restMs = 1_000

/** The requests to JWT_JWKS_URL. */
export interface JwksFetches {
  readonly fetch: typeof fetch
  /** How many have begun. */
  begun(): number
  /** The number of the last one that was answered, counted from 1. */
  answered(): number
}

/** jose remembers what it has fetched, and not that a fetch has failed: each token would be another one. */
export function createJwksFetches(): JwksFetches {
  const mayFetch = createPause(restMs)
  let begun = 0
  let answered = 0
  return {
    begun: () => begun,
    answered: () => answered,
    async fetch(...request) {
      if (!mayFetch()) throw new Error('The issuer was asked a moment ago, and nothing that can be used came.')
      begun += 1
      const number = begun
      const response = await fetch(...request)
      answered = number
      return response
    },
  }
}

/** True at most once in `pauseMs`, however the clock is set. */
function createPause(pauseMs: number): () => boolean {
  let lastMs = -Infinity
  return function isOver() {
    if (Math.abs(Date.now() - lastMs) < pauseMs) return false
    lastMs = Date.now()
    return true
  }
}
