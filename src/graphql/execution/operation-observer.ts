import type { GraphQLError } from 'graphql'

export type Transport = 'http' | 'sse' | 'websocket'

/** What the gateway counts of operations, over every transport. */
export interface OperationObserver {
  /** An operation is executed, or a subscription opened. Its document is valid. */
  executed(transport: Transport, type: 'query' | 'mutation' | 'subscription'): void
  /** An error is sent to a caller. */
  failed(transport: Transport, code: unknown): void
}

/** Reports all errors of one result. */
export function observeErrors(
  observer: Pick<OperationObserver, 'failed'>,
  transport: Transport,
  errors: readonly Pick<GraphQLError, 'extensions'>[] = [],
): void {
  for (const { extensions } of errors) observer.failed(transport, extensions['code'])
}
