import type { OperationObserver } from '../graphql/execution/operation-observer.ts'
import type { Meter } from './meter.ts'

/** The codes that the gateway gives to errors. */
const knownCodes = new Set([
  'BAD_REQUEST',
  'BAD_USER_INPUT',
  'FORBIDDEN',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'INTERNAL_SERVER_ERROR',
  'NOT_FOUND',
  'OPERATION_RESOLUTION_FAILURE',
  'PAYLOAD_TOO_LARGE',
  'RATE_LIMITED',
  'UNAUTHENTICATED',
  'UNAVAILABLE',
  'UNSUPPORTED_MEDIA_TYPE',
])

export function createGraphqlMetrics(meter: Meter): OperationObserver {
  const operations = meter.counter({
    name: 'stemgate_graphql_operations_total',
    help: 'Operations that were executed, and subscriptions that were opened, by transport (http, sse, websocket) and type.',
    labels: ['transport', 'type'],
  })
  const errors = meter.counter({
    name: 'stemgate_graphql_errors_total',
    help: 'Errors in the answers and events that were sent to callers, by transport and code.',
    labels: ['transport', 'code'],
  })
  // A counter that begins with its first event hides that event from increase().
  for (const transport of ['http', 'sse', 'websocket']) errors.inc({ transport, code: 'INTERNAL_SERVER_ERROR' }, 0)

  return {
    executed: (transport, type) => operations.inc({ transport, type }),
    failed(transport, code) {
      errors.inc({ transport, code: typeof code === 'string' && knownCodes.has(code) ? code : 'OTHER' })
    },
  }
}
