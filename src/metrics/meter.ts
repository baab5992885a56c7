import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/** What a metric is: its name by the rules of OpenMetrics, and a sentence for the operator. No label holds text of others. */
interface MetricOptions<Label extends string> {
  readonly name: string
  readonly help: string
  readonly labels?: readonly Label[]
}

/** Creates metrics, and prints all of them in the Prometheus text format. */
export interface Meter {
  counter<Label extends string = never>(options: MetricOptions<Label>): Counter<Label>
  /** @param options.collect sets the gauge when it is read */
  gauge<Label extends string = never>(
    options: MetricOptions<Label> & { readonly collect?: (gauge: Gauge<Label>) => void | Promise<void> },
  ): Gauge<Label>
  /** @param options.buckets the upper bounds, in the unit of the name */
  histogram<Label extends string = never>(
    options: MetricOptions<Label> & { readonly buckets: readonly number[] },
  ): Histogram<Label>
  /** A counter that something else counts. */
  observedCounter(options: MetricOptions<never> & { readonly count: () => number }): void
  text(): Promise<{ readonly type: string; readonly body: string }>
}

/** Gauges of prom-client whose names say that they are counters. Others have the same values by kind. */
const misnamed = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

export function createMeter(): Meter {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  for (const name of misnamed) registry.removeSingleMetric(name)

  return {
    counter: ({ labels = [], ...options }) => new Counter({ ...options, labelNames: [...labels], registers }),
    gauge({ labels = [], collect, ...options }) {
      return new Gauge({
        ...options,
        labelNames: [...labels],
        registers,
        ...(collect === undefined
          ? {}
          : {
              collect() {
                return collect(this)
              },
            }),
      })
    },
    histogram: ({ labels = [], buckets, ...options }) =>
      new Histogram({ ...options, labelNames: [...labels], buckets: [...buckets], registers }),
    observedCounter({ count, name, help }) {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset()
          this.inc(count())
        },
      })
    },
    text: async () => ({ type: registry.contentType, body: await registry.metrics() }),
  }
}
