import { getOperationAST, getVariableValues, GraphQLError, type ExecutionArgs } from 'graphql'

/** graphql-js prints the whole value in every error, which is slow. */
const maxErrors = 5

/** The status that GraphQL over HTTP requires: 400, unless the client accepts only `application/json`. */
const extensions = { code: 'BAD_USER_INPUT', http: { spec: true, status: 400 } }

/**
 * Validates the variables of a valid operation; returns no errors if they match. graphql-js alone would return up to 50
 * errors without a code.
 */
export function validateVariables({
  schema,
  document,
  operationName,
  variableValues,
}: ExecutionArgs): readonly GraphQLError[] {
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? []
  const { errors = [] } = getVariableValues(schema, definitions, variableValues ?? {}, { maxErrors })
  return errors.map(({ message, nodes }) => new GraphQLError(message, { nodes: nodes ?? null, extensions }))
}
