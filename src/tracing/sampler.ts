import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type Sampler,
} from '@opentelemetry/sdk-trace'
import type { SamplerName } from './trace-export.ts'

/** The sampler of this name, as https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ defines it. */
export function samplerOf(name: SamplerName, ratio: number): Sampler {
  switch (name) {
    case 'always_on':
      return new AlwaysOnSampler()
    case 'always_off':
      return new AlwaysOffSampler()
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio)
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: samplerOf('always_on', ratio) })
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: samplerOf('always_off', ratio) })
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: samplerOf('traceidratio', ratio) })
  }
}
