import { createHash } from 'node:crypto'
import type { Caller } from '../context.ts'

/** A subscription as a client sends it. */
export interface SubscriptionRequest {
  readonly query: string
  readonly operationName?: string | null | undefined
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined
}

/**
 * Equal for equal subscriptions of one caller: the same text, operation name, variables and permission. A hash, because a feed
 * keeps it and the text may have 64 KiB.
 */
export function feedKeyOf({ owner, mayAdopt }: Caller, request: SubscriptionRequest): string {
  const { query, operationName = null, variables = null } = request
  return createHash('sha256')
    .update(JSON.stringify([owner, mayAdopt, query, operationName, variables]))
    .digest('base64')
}
