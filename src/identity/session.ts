/** Who asks, for as long as the credential is good. */
export interface Session {
  /** In whose name tasks are ordered, read and listed: `key:<name>`, `jwt:<issuer>|<subject>` or `anonymous`. */
  readonly owner: string
  /** Calls the listener once the credential is good no longer, until the returned function is called. */
  onEnd(listener: () => void): () => void
}

/** Why somebody is not let in. The message is for them, and holds nothing that they have sent. */
export interface AuthFailure {
  /** 401: without a credential that is good; 403: not from there; 503: it cannot be found out now. */
  readonly status: 401 | 403 | 503
  readonly code: 'UNAUTHENTICATED' | 'FORBIDDEN' | 'UNAVAILABLE'
  readonly message: string
}

export type IdentifyResult = { readonly session: Session } | { readonly failure: AuthFailure }

export const unauthenticated = (message: string): IdentifyResult => ({
  failure: { status: 401, code: 'UNAUTHENTICATED', message },
})

/** Whether they may come in cannot be found out now, and can be in a moment. */
export const unavailable = (message: string): IdentifyResult => ({
  failure: { status: 503, code: 'UNAVAILABLE', message },
})

/** In the same words for keys and tokens, whatever is wrong with them. */
export const invalidCredential = unauthenticated('This credential is not good here.')
