import { GraphQLError } from 'graphql'

/** The same error without the names that graphql-js offers in the place of a wrong one: they are the schema, bit by bit. */
export function withoutSuggestion<E extends Error>(error: E): E | GraphQLError {
  if (!(error instanceof GraphQLError)) return error
  const message = error.message.replace(/\s*Did you mean .*$/s, '')
  if (message === error.message) return error
  const { nodes = null, source = null, positions = null, path = null, originalError, extensions } = error
  return new GraphQLError(message, { nodes, source, positions, path, originalError, extensions })
}
