/**
 * Formats an error as one line for a log or an operator: message, code and cause, each once. An AggregateError, such as
 * that of a connection attempt to several addresses, may have no message: its errors are listed instead.
 */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(describeError).join(', ')
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  const hasCode = code !== error.name
  const text = error.message === '' ? code : error.message
  const line = hasCode && !text.includes(code) ? `${text} (${code})` : text
  const cause = error.cause === undefined ? '' : describeError(error.cause)
  return line.includes(cause) ? line : `${line.replace(/\.$/, '')}: ${cause}`
}
