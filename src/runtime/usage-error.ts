/** What the operator can put right; its message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
