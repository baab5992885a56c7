import { GraphQLError } from 'graphql'

/** How an error of GraphQL's own is worded for whoever caused it. */
export type SanitizeError = <E extends Error>(error: E) => E | GraphQLError

/** Longer ones are what a caller sent, told back: one field that is unknown is told with all the others beside it. */
const maxMessageLength = 1_000

/** The first half of a character of which the second was cut off. */
const trailingSurrogate = /\p{Cs}$/u

/**
 * @param suggestions whether mistakes in names are answered with those that graphql-js offers in their place: they are
 * the schema, bit by bit
 */
export function createSanitizeError(suggestions: boolean): SanitizeError {
  return function sanitize(error) {
    if (!(error instanceof GraphQLError)) return error
    const kept = suggestions ? error.message : withoutSuggestion(error.message)
    const message =
      kept.length > maxMessageLength ? `${kept.slice(0, maxMessageLength).replace(trailingSurrogate, '')}…` : kept
    if (message === error.message) return error
    const { nodes = null, source = null, positions = null, path = null, originalError, extensions } = error
    return new GraphQLError(message, { nodes, source, positions, path, originalError, extensions })
  }
}

/** No regular expression: within what a caller sent, and is told back, it could look for its beginning for seconds. */
function withoutSuggestion(message: string): string {
  const at = message.indexOf('Did you mean ')
  return at < 0 ? message : message.slice(0, at).trimEnd()
}
