import { GraphQLError } from 'graphql'

/** An argument that cannot be used, told to whoever gave it. */
export function badInput(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } })
}
