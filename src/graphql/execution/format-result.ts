import type { ExecutionResult, GraphQLError, GraphQLFormattedError } from 'graphql'

/** The JSON of a result, as over HTTP. */
export function resultText({ data, errors }: ExecutionResult): string {
  if (errors === undefined) return JSON.stringify({ data })
  return JSON.stringify({ ...(data === undefined ? {} : { data }), errors: errors.map(formatError) })
}

/** Formats an error as over HTTP: without the extension `http`, from which Yoga derives the status. */
export function formatError(error: GraphQLError): GraphQLFormattedError {
  const { extensions, ...rest } = error.toJSON()
  const { http: _, ...others } = extensions ?? {}
  return { ...rest, ...(Object.keys(others).length > 0 ? { extensions: others } : {}) }
}
