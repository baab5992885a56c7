import type { TraceExport } from '../tracing/trace-export.ts'
import type { ParsedEnvironment } from './environment.ts'

/** null: no collector is configured, or OpenTelemetry is switched off. */
export function tracingConfigOf(env: ParsedEnvironment): TraceExport | null {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_SERVICE_NAME: name } = env
  const url = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base === undefined ? undefined : `${base}/v1/traces`)
  if (url === undefined || env.OTEL_SDK_DISABLED || env.OTEL_TRACES_EXPORTER === 'none') return null
  return {
    url,
    protocol: env.OTEL_EXPORTER_OTLP_PROTOCOL,
    headers: env.OTEL_EXPORTER_OTLP_HEADERS ?? {},
    resourceAttributes: {
      ...(env.LOG_INSTANCE === undefined ? {} : { 'service.instance.id': env.LOG_INSTANCE }),
      ...env.OTEL_RESOURCE_ATTRIBUTES,
      ...(name === undefined ? {} : { 'service.name': name }),
    },
    sampler: env.OTEL_TRACES_SAMPLER,
    sampledRatio: env.OTEL_TRACES_SAMPLER_ARG,
    delayMs: env.OTEL_BSP_SCHEDULE_DELAY,
    maxQueueSize: env.OTEL_BSP_MAX_QUEUE_SIZE,
  }
}
