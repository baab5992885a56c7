import { randomHex } from './random-hex.ts'

/** A request and the trace that it belongs to (W3C Trace Context). A task keeps those of the request that ordered it. */
export interface Trace {
  readonly requestId: string
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string
  /** Whether who began the trace records it. The gateway itself records no spans, but says so to whom it calls. */
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
  return { requestId: requestId ?? traceId, traceId, isSampled: false }
}

/** A `traceparent` of the trace with a new span id: each answer and each request of the gateway has one of its own. */
export function traceparentOf({ traceId, isSampled }: Trace): string {
  return `00-${traceId}-${randomHex(spanIdBytes)}-${isSampled ? '01' : '00'}`
}

/** The headers that pass a trace on. */
export function traceHeaders(trace: Trace): Readonly<Record<string, string>> {
  return { [requestIdHeader]: trace.requestId, [traceHeader]: traceparentOf(trace) }
}

/** The fields of a line of the log that lead to the request. */
export function traceDetail(trace: Trace | null): { readonly requestId?: string; readonly traceId?: string } {
  return trace === null ? {} : { requestId: trace.requestId, traceId: trace.traceId }
}
