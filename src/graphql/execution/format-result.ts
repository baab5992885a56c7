import type { ExecutionResult, GraphQLError, GraphQLFormattedError } from 'graphql'

/** The JSON of a result, as Yoga sends it. */
export function resultText({ data, errors }: ExecutionResult): string {
  return JSON.stringify(errors === undefined ? { data } : { errors: errors.map(formatError), data })
}

/** Formats an error as over HTTP: without the extension `http`, from which Yoga derives the status. */
export function formatError(error: GraphQLError): GraphQLFormattedError {
  const { extensions, ...rest } = error.toJSON()
  const { http: _, ...others } = extensions ?? {}
  return { ...rest, ...(Object.keys(others).length > 0 ? { extensions: others } : {}) }
}
