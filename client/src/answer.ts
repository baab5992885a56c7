import { StemgateError } from './errors.ts'

/** The result of an operation, as it comes from a gateway. */
export interface Answer<T> {
  readonly data?: T | null | undefined
  readonly errors?: readonly GraphqlError[] | undefined
}

export interface GraphqlError {
  readonly message: string
  readonly extensions?: { readonly code?: unknown } | undefined
}

/** The last two are those of downloads. */
const retryableCodes = ['RATE_LIMITED', 'UNAVAILABLE', 'INTERNAL_SERVER_ERROR', 'TOO_MANY_STREAMS', 'PROVIDER_FAILED']

/** The data of an answer. Throws StemgateError if it has errors. */
export function dataOf<T>({ data, errors }: Answer<T>): T {
  const [error] = errors ?? []
  if (error !== undefined) throw errorOf(error)
  if (data === undefined || data === null) throw badResponse('The answer has no data.')
  return data
}

/** The first error of an answer. */
export function errorOf({ message, extensions }: GraphqlError, retryAfterSeconds: number | null = null): StemgateError {
  const code = typeof extensions?.code === 'string' ? extensions.code : 'INTERNAL_SERVER_ERROR'
  return new StemgateError(code, message, { retryable: retryableCodes.includes(code), retryAfterSeconds })
}

/** There was no answer, or it was cut off. */
export function unreachable(cause: unknown): StemgateError {
  return new StemgateError('UNREACHABLE', 'The gateway cannot be reached. Check your connection.', {
    retryable: true,
    cause,
  })
}

export function badResponse(reason: string): StemgateError {
  return new StemgateError('BAD_RESPONSE', `This is not an answer of a Stemgate gateway. ${reason}`)
}

/** Why a request failed, from the status and the body of its answer. */
export async function failureOf(response: Response): Promise<StemgateError> {
  const { status, headers } = response
  const wait = Number.parseInt(headers.get('retry-after') ?? '', 10)
  const retryAfterSeconds = Number.isNaN(wait) ? null : wait
  const body: { errors?: readonly GraphqlError[]; code?: string; message?: string } | null = await response
    .json()
    .catch(() => null)
  const error =
    body?.errors?.[0] ?? (body?.code === undefined ? undefined : { message: body.message ?? '', extensions: body })
  if (error !== undefined) return errorOf(error, retryAfterSeconds)
  // A proxy on the way answers for a gateway that is gone.
  const isTemporary = status >= 500 || status === 429 || status === 408
  if (!isTemporary) return badResponse(`HTTP ${status}.`)
  return new StemgateError('UNREACHABLE', `The gateway cannot be reached (HTTP ${status}).`, {
    retryable: true,
    retryAfterSeconds,
  })
}
