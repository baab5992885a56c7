import type { GraphQLError, GraphQLFormattedError } from 'graphql'

/** What an operation resulted in. */
interface Result {
  readonly data?: unknown
  readonly errors?: readonly GraphQLError[] | undefined
}

/** The JSON of a result, as Yoga sends it. */
export function resultText({ data, errors }: Result): string {
  return JSON.stringify(errors === undefined ? { data } : { errors: errors.map(formatError), data })
}

/** Formats an error as over HTTP: without the extension `http`, from which Yoga derives the status. */
export function formatError(error: GraphQLError): GraphQLFormattedError {
  const { extensions, ...rest } = error.toJSON()
  const { http: _, ...others } = extensions ?? {}
  return { ...rest, ...(Object.keys(others).length > 0 ? { extensions: others } : {}) }
}
