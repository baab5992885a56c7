import type { SpanObserver } from '../tracing/bounded-export.ts'
import type { Meter } from './meter.ts'

/** Counts the spans of OpenTelemetry. */
export function createSpanMetrics(meter: Meter): SpanObserver {
  const sent = meter.counter({
    name: 'stemgate_spans_sent_total',
    help: 'Spans that the OpenTelemetry collector has taken.',
  })
  const dropped = meter.counter({
    name: 'stemgate_spans_dropped_total',
    help: 'Spans that were dropped. queue-full: too many waited for the collector. not-sent: it did not take them.',
    labels: ['reason'],
  })
  // A counter that begins with its first event hides that event from increase().
  for (const reason of ['queue-full', 'not-sent'] as const) dropped.inc({ reason }, 0)

  return {
    sent: (spans) => sent.inc(spans),
    dropped: (spans, reason) => dropped.inc({ reason }, spans),
  }
}
