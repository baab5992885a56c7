import type { CallerLimits } from '../separation/caller-limits.ts'

/** An identified caller, as long as the credential is valid. */
export interface Session {
  /** The owner of the caller's tasks: `key:<name>`, `jwt:<issuer>|<subject>` or `anonymous`. */
  readonly owner: string
  /** Notes that the caller uses the session now: for each operation that is let in. */
  use(): void
  /** What the caller may order now. The limits of an API key change when the file of keys does. */
  limits(): CallerLimits
  /** Whether the credential has become invalid. */
  hasEnded(): boolean
  /** Calls the listener once, when the credential becomes invalid. The returned function removes the listener. */
  onEnd(listener: () => void): () => void
}

/** Why a request is refused. The message is for the client, and does not repeat what it sent. */
export interface AuthFailure {
  /** 401: no valid credential. 403: not allowed from this network or origin. 503: the credential cannot be verified now. */
  readonly status: 401 | 403 | 503
  readonly code: 'UNAUTHENTICATED' | 'FORBIDDEN' | 'UNAVAILABLE'
  readonly message: string
}

export type IdentifyResult = { readonly session: Session } | { readonly failure: AuthFailure }

export const unauthenticated = (message: string): IdentifyResult => ({
  failure: { status: 401, code: 'UNAUTHENTICATED', message },
})

/** The credential cannot be verified now, but may be verified in a moment. */
export const unavailable = (message: string): IdentifyResult => ({
  failure: { status: 503, code: 'UNAVAILABLE', message },
})

/** The same message for every invalid key or token, so that it does not show what is wrong. */
export const invalidCredential = unauthenticated('The credential is invalid.')
