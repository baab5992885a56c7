/**
 * Why the gateway did not answer an operation.
 * - `unreachable`: no answer came. An order may have been accepted.
 * - `stopping`: the gateway stops or cannot read its database. It may be back in a moment.
 * - `unauthenticated`: it needs a key, or another one.
 * - `limited`: too many requests.
 * - `refused`: everything else. `message` says why.
 */
export type GatewayErrorKind = 'unreachable' | 'stopping' | 'unauthenticated' | 'limited' | 'refused'

/** An operation without a result. `message` is a sentence to show to people. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly kind: GatewayErrorKind
  constructor(kind: GatewayErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** The error of a GraphQL answer, or of an HTTP status without one. */
export function gatewayErrorOf(status: number, code: string | null, message: string | null): GatewayError {
  if (status === 401 || code === 'UNAUTHENTICATED') {
    return new GatewayError('unauthenticated', 'The gateway does not accept this key.')
  }
  if (status === 429 || code === 'RATE_LIMITED') {
    return new GatewayError('limited', message ?? 'Too many requests. Try again in a moment.')
  }
  if (code === 'UNAVAILABLE' || (status >= 502 && status <= 504)) {
    return new GatewayError('stopping', 'The gateway is restarting or cannot read its database. Try again in a moment.')
  }
  return new GatewayError('refused', message ?? `The gateway answered with an error (${status}).`)
}

/** A sentence for people about anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof GatewayError ? error.message : 'Something unexpected went wrong. Reload the page.'
}
