import * as z from 'zod'
import { samplerNames, traceProtocols } from '../tracing/trace-export.ts'

/** Reads a list like `key=value,other=value`, whose values are percent-encoded; null if it is not one. */
function parsePairs(text: string): Readonly<Record<string, string>> | null {
  const entries = text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
  const pairs = entries.flatMap((entry) => {
    const [, key, value] = /^([^=\s]+)\s*=\s*(.*)$/.exec(entry) ?? []
    const decoded = value === undefined ? null : decode(value)
    return key === undefined || decoded === null ? [] : [[key, decoded] as const]
  })
  return pairs.length === entries.length ? Object.fromEntries(pairs) : null
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

const pairs = z.string().transform((text, context) => {
  const parsed = parsePairs(text)
  if (parsed !== null) return parsed
  context.addIssue({ code: 'custom', message: 'must be like key=value,other=value, with percent-encoded values' })
  return z.NEVER
})

const oneOf = (names: readonly string[]) => ({ error: `must be one of ${names.join(', ')}` })

/**
 * The variables of OpenTelemetry that the gateway reads, as
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/ define them.
 */
export const tracingVariables = {
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none'], oneOf(['otlp', 'none'])).default('otlp'),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.enum(traceProtocols, oneOf(traceProtocols)).default('http/protobuf'),
  OTEL_EXPORTER_OTLP_HEADERS: pairs
    .refine(
      (headers) =>
        Object.entries(headers).every(([name, value]) => /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[ -~]*$/.test(value)),
      'must be names and values of headers',
    )
    .optional(),
  OTEL_SERVICE_NAME: z.string().optional(),
  OTEL_RESOURCE_ATTRIBUTES: pairs.optional(),
  OTEL_TRACES_SAMPLER: z.enum(samplerNames, oneOf(samplerNames)).default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number({ error: 'must be a number' })
    .min(0, 'must not be less than 0')
    .max(1, 'must not be more than 1')
    .default(1),
  OTEL_BSP_SCHEDULE_DELAY: z.coerce
    .number({ error: 'must be a number of milliseconds' })
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(3_600_000, 'must not be more than an hour')
    .default(5_000),
  OTEL_BSP_MAX_QUEUE_SIZE: z.coerce
    .number({ error: 'must be a number' })
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(100_000, 'must not be more than 100000')
    .default(2_048),
} as const
