import { GraphQLError } from 'graphql'
import type { ConcurrencyLimit } from '../../limits/concurrency-limit.ts'

/** Why a caller may not open another subscription. */
export function tooManySubscriptions({ maxPerKey }: ConcurrencyLimit): GraphQLError {
  const message = `You have reached the limit of ${maxPerKey} open subscriptions. Complete some of them first.`
  return new GraphQLError(message, { extensions: { code: 'RATE_LIMITED' } })
}
