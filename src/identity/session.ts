/** Who asks, for as long as the credential is good. */
export interface Session {
  /** In whose name tasks are ordered, read and listed: `key:<name>`, `jwt:<issuer>|<subject>` or `anonymous`. */
  readonly owner: string
  /** Calls the listener once the credential is good no longer, until the returned function is called. */
  onEnd(listener: () => void): () => void
}

/** Why somebody is not let in. The message is for them, and holds nothing that they have sent. */
export interface NotLetIn {
  /** 401: without a credential that is good; 403: not from there; 503: it cannot be found out now. */
  readonly status: 401 | 403 | 503
  readonly code: 'UNAUTHENTICATED' | 'FORBIDDEN' | 'UNAVAILABLE'
  readonly message: string
}

export type Identified = { readonly session: Session } | { readonly notLetIn: NotLetIn }

export const unauthenticated = (message: string): Identified => ({
  notLetIn: { status: 401, code: 'UNAUTHENTICATED', message },
})

/** Whether they may come in cannot be found out now, and can be in a moment. */
export const unavailable = (message: string): Identified => ({
  notLetIn: { status: 503, code: 'UNAVAILABLE', message },
})

/** In the same words for keys and tokens, whatever is wrong with them. */
export const notGood = unauthenticated('This credential is not good here.')
