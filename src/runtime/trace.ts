import { randomHex } from './random-hex.ts'

/** A request and the trace that it belongs to (W3C Trace Context). A task keeps those of the request that ordered it. */
export interface Trace {
  readonly requestId: string
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string
  /**
   * The recorded span that what follows belongs to, 16 lower-case hexadecimal digits: that of whoever sent the request, or that
   * of the gateway if it records spans. null: none is known.
   */
  readonly spanId: string | null
  /** Whether the trace is recorded. */
  readonly isSampled: boolean
}

/** The names of the headers that carry a trace, in requests and in answers. */
export const requestIdHeader = 'x-request-id'
export const traceHeader = 'traceparent'

const traceIdBytes = 16
const spanIdBytes = 8

/** Begins a trace with a request that brought none. A request without an id gets that of the trace. */
export function beginTrace(requestId?: string): Trace {
  const traceId = randomHex(traceIdBytes)
  return { requestId: requestId ?? traceId, traceId, spanId: null, isSampled: false }
}

/** A `traceparent` of the trace. The span id is a new one by default: each answer has one of its own. */
export function traceparentOf({ traceId, isSampled }: Trace, spanId = randomHex(spanIdBytes)): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`
}

/** The headers of an answer. */
export function answerHeaders(trace: Trace): Readonly<Record<string, string>> {
  return { [requestIdHeader]: trace.requestId, [traceHeader]: traceparentOf(trace) }
}

/** The headers that pass a trace on. Its span is the parent of what the receiver records. */
export function traceHeaders(trace: Trace): Readonly<Record<string, string>> {
  return { [requestIdHeader]: trace.requestId, [traceHeader]: traceparentOf(trace, trace.spanId ?? undefined) }
}

/** The fields of a line of the log that lead to the request. */
export function traceDetail(trace: Trace | null): { readonly requestId?: string; readonly traceId?: string } {
  return trace === null ? {} : { requestId: trace.requestId, traceId: trace.traceId }
}
