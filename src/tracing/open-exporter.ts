import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { describeError } from '../runtime/describe-error.ts'
import type { TraceExport } from './trace-export.ts'

/**
 * What sends spans to the collector. Imported only if one is configured.
 * @param timeoutMs the longest time of a request and its repetitions. Default: OTEL_EXPORTER_OTLP_TIMEOUT
 */
export function openExporter({ protocol, url, headers }: TraceExport, timeoutMs?: number) {
  const Exporter = protocol === 'http/json' ? JsonExporter : ProtobufExporter
  return new Exporter({
    url,
    headers: { ...headers },
    ...(timeoutMs === undefined ? {} : { timeoutMillis: timeoutMs }),
  })
}

/** Why the collector did not take spans: the status of its refusal, without its words. */
export function exportFailure(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'number') return `HTTP ${error.code}`
  return error === undefined ? 'no answer' : describeError(error)
}
