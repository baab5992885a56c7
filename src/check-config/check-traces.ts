import type { Config } from '../config/config.ts'
import { ok, warning, type Check } from './check.ts'

/** Checks that the OpenTelemetry collector takes spans. Sends it none. */
export function traceChecks({ tracing }: Config): readonly Check[] {
  if (tracing === null) return []
  return [
    {
      name: 'traces',
      async run() {
        const { checkCollector } = await import('../tracing/check-collector.ts')
        const problem = await checkCollector(tracing)
        return problem === null
          ? ok(`the collector at ${tracing.url} takes spans`)
          : warning(`the collector at ${tracing.url} does not take spans, so traces are lost: ${problem}`)
      },
    },
  ]
}
