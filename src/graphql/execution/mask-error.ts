import { GraphQLError, Kind } from 'graphql'
import {
  AdoptionNotAllowedError,
  ProviderUnreadableError,
  StoreUnavailableError,
  TooManyMissesError,
} from '../../separation/errors.ts'
import type { SanitizeError } from './sanitize-error.ts'
import type { Log } from '../../runtime/log.ts'

export interface MaskErrorOptions {
  readonly log: Log
  readonly sanitize: SanitizeError
}

/** Errors of GraphQL's own and ours pass, with a code; of any other a caller learns nothing but that it happened. */
export function createMaskError({ log, sanitize }: MaskErrorOptions): (error: unknown) => Error {
  return function maskError(error) {
    const cause = rootCause(error)
    if (error instanceof GraphQLError && cause instanceof GraphQLError && !isOurFault(error)) {
      return sanitize(error)
    }
    // The store logs that it is away.
    if (cause instanceof StoreUnavailableError) {
      return coded(error, 'The gateway cannot reach its store now. Try again in a moment.', { code: 'UNAVAILABLE' })
    }
    if (cause instanceof ProviderUnreadableError) return coded(error, cause.message, { code: 'UNAVAILABLE' })
    if (cause instanceof AdoptionNotAllowedError) return coded(error, cause.message, { code: 'BAD_USER_INPUT' })
    if (cause instanceof TooManyMissesError) {
      const { message, retryAfterSeconds } = cause
      return coded(error, message, { code: 'RATE_LIMITED', retryAfterSeconds })
    }
    log.error({ err: cause }, 'an operation went wrong')
    return coded(error, 'Something went wrong inside the gateway. It has been logged.', {
      code: 'INTERNAL_SERVER_ERROR',
    })
  }
}

/** What lies under the errors that GraphQL wraps around it. */
function rootCause(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError !== undefined && error.originalError !== null
    ? rootCause(error.originalError)
    : error
}

/** Whether graphql-js cannot carry out a field as our resolvers left it. Of an argument that cannot be used it tells at the argument. */
function isOurFault({ path, nodes, extensions }: GraphQLError): boolean {
  return path !== undefined && extensions['code'] === undefined && nodes?.[0]?.kind === Kind.FIELD
}

/** An error in the place of another one: same path, no word of it. */
function coded(error: unknown, message: string, extensions: Record<string, unknown>): GraphQLError {
  const { nodes, path } = error instanceof GraphQLError ? error : {}
  return new GraphQLError(message, { nodes: nodes ?? null, path: path ?? null, extensions })
}
