/** The samplers of OTEL_TRACES_SAMPLER. Those that begin with `parentbased_` follow the sampled flag of a `traceparent`. */
export const samplerNames = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const
export type SamplerName = (typeof samplerNames)[number]

/** The forms of OTEL_EXPORTER_OTLP_PROTOCOL that go over HTTP. */
export const traceProtocols = ['http/protobuf', 'http/json'] as const

/** Where spans are sent, and which. */
export interface TraceExport {
  /** The URL of the collector for traces. */
  readonly url: string
  readonly protocol: (typeof traceProtocols)[number]
  /** May contain secrets. */
  readonly headers: Readonly<Record<string, string>>
  /** Of the gateway: `service.name` and others. */
  readonly resourceAttributes: Readonly<Record<string, string>>
  readonly sampler: SamplerName
  /** Of the samplers by ratio: from 0 to 1. */
  readonly sampledRatio: number
  /** How long spans wait for others to be sent with, in milliseconds. */
  readonly delayMs: number
  /** How many spans may wait. Further ones are dropped. */
  readonly maxQueueSize: number
}
