/**
 * An error as one line of text, for a log or an operator: its message, its code and its cause, each once. An AggregateError,
 * as of a connection that was tried at several addresses, may have no message of its own: its errors are described instead.
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
