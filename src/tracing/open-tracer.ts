import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace as traces,
  TraceFlags,
  type Context,
  type Span,
} from '@opentelemetry/api'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import { TracerProvider } from '@opentelemetry/sdk-trace'
import type { Log } from '../runtime/log.ts'
import { randomHex } from '../runtime/random-hex.ts'
import type { Trace } from '../runtime/trace.ts'
import { version } from '../runtime/version.ts'
import { withTimeout } from '../runtime/with-timeout.ts'
import { createBoundedExport, type SpanObserver } from './bounded-export.ts'
import { openExporter } from './open-exporter.ts'
import { samplerOf } from './sampler.ts'
import type { TraceExport } from './trace-export.ts'
import type { SpanOptions, SpanResult, Tracer } from './tracer.ts'

export interface TracerOptions {
  readonly export: TraceExport
  readonly observer: SpanObserver
  readonly log: Log
}

export interface ExportingTracer extends Tracer {
  /** Sends the spans that wait, for a few seconds at most. */
  close(): Promise<void>
}

const spanIdBytes = 8
/** How long a stop waits for the collector. */
const flushTimeoutMs = 3_000

const kinds = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
} as const satisfies Record<SpanOptions['kind'], SpanKind>

/** A tracer that sends its spans to a collector with OTLP over HTTP. Imported only if one is configured. */
export function openTracer({ export: to, observer, log }: TracerOptions): ExportingTracer {
  const exporter = openExporter(to)
  /** The trace of the next span without a parent: the request has its id already. */
  let rootTraceId = ''
  const provider = new TracerProvider({
    sampler: samplerOf(to.sampler, to.sampledRatio),
    idGenerator: { generateTraceId: () => rootTraceId, generateSpanId: () => randomHex(spanIdBytes) },
    resource: defaultResource().merge(
      resourceFromAttributes({ 'service.name': 'stemgate', 'service.version': version, ...to.resourceAttributes }),
    ),
    spanProcessors: [createBoundedExport({ ...to, exporter, observer, log })],
  })
  const tracer = provider.getTracer('stemgate', version)

  return {
    start(name, { kind, parent, attributes, startedAtMs }) {
      rootTraceId = parent.traceId
      const begun = startedAtMs === undefined ? {} : { startTime: startedAtMs }
      const span = tracer.startSpan(name, { kind: kinds[kind], attributes, ...begun }, contextOf(parent))
      const { spanId, traceFlags } = span.spanContext()
      return {
        trace: { ...parent, spanId, isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0 },
        event: (event) => void span.addEvent(event),
        end: (result) => end(span, result),
      }
    },
    async close() {
      await withTimeout(
        flushTimeoutMs,
        provider.shutdown().catch(() => {}),
      )
    },
  }
}

/** Where a span begins: below the span of the trace, or as its root if that is not known. */
function contextOf({ traceId, spanId, isSampled }: Trace): Context {
  if (spanId === null) return ROOT_CONTEXT
  const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE
  return traces.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
}

function end(span: Span, { attributes = {}, errorType, link }: SpanResult): void {
  span.setAttributes(attributes)
  if (errorType !== undefined) {
    span.setAttribute('error.type', errorType)
    span.setStatus({ code: SpanStatusCode.ERROR })
  }
  if (link !== null && link !== undefined && link.spanId !== null) {
    const { traceId, spanId, isSampled } = link
    span.addLink({ context: { traceId, spanId, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE } })
  }
  span.end()
}
