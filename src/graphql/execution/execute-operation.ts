import {
  execute,
  getOperationAST,
  getVariableValues,
  GraphQLError,
  type ExecutionArgs,
  type ExecutionResult,
} from 'graphql'

/** graphql-js prints the whole value in every error, which is slow. */
const maxErrors = 5

/** The status that GraphQL over HTTP requires: 400, unless the client accepts only `application/json`. */
const extensions = { code: 'BAD_USER_INPUT', http: { spec: true, status: 400 } }

/**
 * Executes a valid operation with graphql-js. If the variables do not match, nothing is executed, and the result has no
 * `data`. graphql-js alone would return up to 50 errors without a code.
 */
export async function executeOperation(args: ExecutionArgs): Promise<ExecutionResult> {
  const result = await execute({ ...args, options: { maxCoercionErrors: maxErrors } })
  return 'data' in result ? result : { errors: (result.errors ?? []).map(withCode) }
}

/** The errors of the variables of a valid operation; empty if they match. */
export function validateVariables({
  schema,
  document,
  operationName,
  variableValues,
}: ExecutionArgs): readonly GraphQLError[] {
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? []
  const { errors = [] } = getVariableValues(schema, definitions, variableValues ?? {}, { maxErrors })
  return errors.map(withCode)
}

function withCode({ message, nodes }: GraphQLError): GraphQLError {
  return new GraphQLError(message, { nodes: nodes ?? null, extensions })
}
