import { createLimitedLog } from '../runtime/limited-log.ts'
import type { Log } from '../runtime/log.ts'
import { traceDetail, type Trace } from '../runtime/trace.ts'

/** Logs that a request or an operation was refused because its caller has sent too many. */
export type LogLimitedRequest = (owner: string, waitSeconds: number, trace: Trace) => void

/** How many lines of one caller are logged. The metrics count all. */
const linesPerMinute = 5

/** For all transports, which share the limit. */
export function createLogLimitedRequest(log: Log): LogLimitedRequest {
  const write = createLimitedLog({ log, maxPerMinute: linesPerMinute })
  return function logLimitedRequest(owner, waitSeconds, trace) {
    const detail = { event: 'request.refused', reason: 'rate-limited', owner, waitSeconds, ...traceDetail(trace) }
    write(owner, 'info', detail, 'a request was refused: its caller has sent more than REQUESTS_PER_MINUTE')
  }
}
