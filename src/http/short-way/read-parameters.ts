/** The parameters of a request to execute an operation. */
export interface Parameters {
  readonly query: string
  readonly operationName: string | null
  readonly variables: { readonly [name: string]: unknown } | null
}

/**
 * Reads the body of a request. Returns null if it is anything but an object with a query and, optionally, an operation name
 * and variables: Yoga decides what such a request means.
 */
export function readParameters(body: Buffer): Parameters | null {
  const parsed = parseJson(body.toString('utf8'))
  if (!isObject(parsed)) return null
  const { query, operationName = null, variables = null, ...others } = parsed
  if (typeof query !== 'string' || Object.keys(others).length > 0) return null
  if (operationName !== null && typeof operationName !== 'string') return null
  if (variables !== null && !isObject(variables)) return null
  return { query, operationName, variables }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
