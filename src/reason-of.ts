import { StoreUnavailableError } from './separation/errors.ts'

/** What went wrong, for people: what lies beneath. Where several addresses were tried, the error itself may say nothing. */
export function reasonOf(error: unknown): string {
  if (error instanceof StoreUnavailableError && error.cause !== undefined) return reasonOf(error.cause)
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ')
  return error instanceof Error ? error.message : String(error)
}
