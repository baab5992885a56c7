import { TraceFlags } from '@opentelemetry/api'
import { ExportResultCode } from '@opentelemetry/core'
import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace'
import type { Log } from '../runtime/log.ts'
import { createOutageLog } from '../runtime/outage-log.ts'
import { exportFailure } from './open-exporter.ts'
import type { TraceExport } from './trace-export.ts'

/** The outcome of spans. */
export interface SpanObserver {
  sent(spans: number): void
  /** `queue-full`: too many waited. `not-sent`: the collector did not take them. */
  dropped(spans: number, reason: 'queue-full' | 'not-sent'): void
}

export interface BoundedExportOptions extends Pick<TraceExport, 'delayMs' | 'maxQueueSize'> {
  readonly exporter: SpanExporter
  readonly observer: SpanObserver
  readonly log: Log
}

/** The most spans in one request. */
const maxBatchSize = 512

/** Sends spans in batches. Those that cannot be sent are dropped and counted: nothing ever waits for the collector. */
export function createBoundedExport(options: BoundedExportOptions): SpanProcessor {
  const { exporter, observer, log, delayMs, maxQueueSize } = options
  /** How many spans were given to `batches`, and not yet to the exporter. */
  let waiting = 0
  const outage = createOutageLog({
    log,
    level: 'warn',
    downMessage: 'spans are dropped: the collector does not take them, or not fast enough',
    upMessage: 'the collector takes spans again',
    detail: { outage: 'traces' },
  })
  const batches = new BatchSpanProcessor({
    exporter: {
      export(spans, done) {
        waiting -= spans.length
        exporter.export(spans, (result) => {
          if (result.code === ExportResultCode.SUCCESS) {
            observer.sent(spans.length)
            outage.worked()
          } else {
            observer.dropped(spans.length, 'not-sent')
            outage.failed({ cause: exportFailure(result.error) })
          }
          done(result)
        })
      },
      shutdown: () => exporter.shutdown(),
    },
    scheduledDelayMillis: delayMs,
    maxQueueSize,
    maxExportBatchSize: Math.min(maxBatchSize, maxQueueSize),
  })

  return {
    onStart() {},
    onEnd(span) {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return
      // The batches would drop it as well, without a word.
      if (waiting >= maxQueueSize) {
        observer.dropped(1, 'queue-full')
        outage.failed({ cause: 'too many spans wait' })
        return
      }
      waiting += 1
      batches.onEnd(span)
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  }
}
