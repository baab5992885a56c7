import { GraphQLError } from 'graphql'

/** Shortens or rewords the message of a GraphQL error, and removes suggestions. Other errors are returned unchanged. */
export type SanitizeError = <E extends Error>(error: E) => E | GraphQLError

/** Messages of Yoga, and clearer ones. */
const rewordings = new Map([['Must provide query string.', 'The request has no query.']])

/** In characters. Longer messages only repeat what the caller sent. */
const maxMessageLength = 1_000

/** A lone surrogate, left where a message was cut inside a character. */
const trailingSurrogate = /\p{Cs}$/u

/**
 * @param suggestions whether to keep graphql-js' suggestions for misspelt names ("Did you mean …"): they reveal parts of
 * the schema
 */
export function createSanitizeError(suggestions: boolean): SanitizeError {
  return function sanitize(error) {
    if (!(error instanceof GraphQLError)) return error
    const original = rewordings.get(error.message) ?? error.message
    const kept = suggestions ? original : withoutSuggestion(original)
    const message =
      kept.length > maxMessageLength ? `${kept.slice(0, maxMessageLength).replace(trailingSurrogate, '')}…` : kept
    if (message === error.message) return error
    const { nodes = null, source = null, positions = null, path = null, originalError, extensions } = error
    return new GraphQLError(message, { nodes, source, positions, path, originalError, extensions })
  }
}

/** No regular expression: the message contains the caller's text, and backtracking over it could take seconds. */
function withoutSuggestion(message: string): string {
  const at = message.indexOf('Did you mean ')
  return at < 0 ? message : message.slice(0, at).trimEnd()
}
