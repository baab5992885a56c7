import type { IncomingHttpHeaders } from 'node:http'
import { beginTrace, requestIdHeader, traceHeader, type Trace } from '../runtime/trace.ts'

/** Ids of proxies and clients: UUIDs, hexadecimal, base64, `Root=1-…`. Nothing that could be more than a word of the log. */
const requestIdPattern = /^[\w.:+/=-]{1,128}$/
/** Version 00 of `traceparent`. An id of zeros means none. */
const traceparentPattern = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/

/** The trace in the headers of a request; what is missing or malformed is made. A header that was sent twice is malformed. */
export function readTrace(headers: IncomingHttpHeaders): Trace {
  const given = headers[requestIdHeader]
  const begun = beginTrace(typeof given === 'string' && requestIdPattern.test(given) ? given : undefined)
  const parent = headers[traceHeader]
  const [, traceId, spanId, flags = ''] = typeof parent === 'string' ? (traceparentPattern.exec(parent) ?? []) : []
  if (traceId === undefined || spanId === undefined) return begun
  return { requestId: begun.requestId, traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 }
}
