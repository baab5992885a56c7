import { GraphQLError, Kind } from 'graphql'
import {
  AdoptionNotAllowedError,
  ProviderUnreadableError,
  StoreUnavailableError,
  TooManyMatchesError,
  TooManyMissesError,
} from '../../separation/errors.ts'
import type { SanitizeError } from './sanitize-error.ts'
import type { Log } from '../../runtime/log.ts'
import { traceDetail, type Trace } from '../../runtime/trace.ts'

export interface MaskErrorOptions {
  readonly log: Log
  readonly sanitize: SanitizeError
  /** The request of the operation that the error ended; undefined if it is not known. */
  readonly requestOf: (error: unknown) => Trace | undefined
}

/** Shows GraphQL's errors and the gateway's own, each with a code. Any other error is logged and masked. */
export function createMaskError({ log, sanitize, requestOf }: MaskErrorOptions): (error: unknown) => Error {
  return function maskError(error) {
    const cause = rootCause(error)
    if (error instanceof GraphQLError && cause instanceof GraphQLError && !isOurFault(error)) {
      return sanitize(error)
    }
    // The store logs its outages.
    if (cause instanceof StoreUnavailableError) {
      return coded(error, 'The database is unavailable. Try again in a moment.', { code: 'UNAVAILABLE' })
    }
    if (cause instanceof ProviderUnreadableError) return coded(error, cause.message, { code: 'UNAVAILABLE' })
    if (cause instanceof AdoptionNotAllowedError || cause instanceof TooManyMatchesError)
      return coded(error, cause.message, { code: 'BAD_USER_INPUT' })
    if (cause instanceof TooManyMissesError) {
      const { message, retryAfterSeconds } = cause
      return coded(error, message, { code: 'RATE_LIMITED', retryAfterSeconds })
    }
    log.error(
      { event: 'operation.failed', err: cause, ...traceDetail(requestOf(error) ?? null) },
      'a GraphQL operation failed',
    )
    return coded(error, 'An internal error occurred. The gateway has logged it.', {
      code: 'INTERNAL_SERVER_ERROR',
    })
  }
}

/** The original error inside the errors that GraphQL wraps around it. */
function rootCause(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError !== undefined && error.originalError !== null
    ? rootCause(error.originalError)
    : error
}

/** Whether graphql-js could not complete a field because of our resolver. Errors about an argument point to the argument. */
function isOurFault({ path, nodes, extensions }: GraphQLError): boolean {
  return path !== undefined && extensions['code'] === undefined && nodes?.[0]?.kind === Kind.FIELD
}

/** Replaces an error by another one at the same path. Nothing of the old message remains. */
function coded(error: unknown, message: string, extensions: Record<string, unknown>): GraphQLError {
  const { nodes, path } = error instanceof GraphQLError ? error : {}
  return new GraphQLError(message, { nodes: nodes ?? null, path: path ?? null, extensions })
}
