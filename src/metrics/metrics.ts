import type { OperationObserver } from '../graphql/execution/operation-observer.ts'
import type { HttpServerOptions } from '../http/server.ts'
import type { SocketObserver } from '../http/websocket/websocket-route.ts'
import type { TaskChangeListener } from '../separation/advance/record.ts'
import type { Clock } from '../separation/store/clock.ts'
import type { Provider } from '../separation/provider.ts'
import type { PurgeObserver } from '../separation/purge/retention.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import { createArchiveMetrics, type ArchiveMetricsOptions, type CountArchived } from './archive-metrics.ts'
import { createBacklogMetrics, type BacklogMetricsOptions } from './backlog-metrics.ts'
import { createCallbackMetrics, type CallbackMetrics } from './callback-metrics.ts'
import { createGatewayMetrics, type GatewayMetricsOptions } from './gateway-metrics.ts'
import { createGraphqlMetrics } from './graphql-metrics.ts'
import { createHttpMetrics } from './http-metrics.ts'
import type { Meter } from './meter.ts'
import { createRetentionMetrics, type RetentionMetricsOptions } from './retention-metrics.ts'
import { createOrderMetrics, type OrderMetrics, type OrderMetricsOptions } from './order-metrics.ts'
import { measureProviders } from './provider-metrics.ts'
import { showProviderStates, type ObservedProvider } from './provider-states.ts'
import { createSocketMetrics } from './socket-metrics.ts'
import { createTaskMetrics } from './task-metrics.ts'
import { createWebhookMetrics, type WebhookMetrics, type WebhookMetricsOptions } from './webhook-metrics.ts'

export interface MetricsOptions<T extends Provider & ObservedProvider>
  extends
    GatewayMetricsOptions,
    Omit<OrderMetricsOptions, 'providers'>,
    RetentionMetricsOptions,
    ArchiveMetricsOptions,
    WebhookMetricsOptions {
  readonly clock: Clock
  readonly store: BacklogMetricsOptions['store'] & RetentionMetricsOptions['store']
  /** The providers that are on. */
  readonly providers: readonly T[]
}

/** What the parts of the gateway report to. docs/operator.md describes every metric. */
export interface Metrics<T> {
  /** The providers that are on, measured. */
  readonly providers: ReadonlyMap<ProviderName, T>
  readonly orders: OrderMetrics
  readonly onTaskChange: TaskChangeListener
  readonly callbacks: CallbackMetrics
  readonly onArchived: CountArchived
  readonly webhooks: WebhookMetrics
  readonly purges: PurgeObserver
  readonly graphql: OperationObserver
  readonly sockets: SocketObserver
  readonly onAnswer: HttpServerOptions['onAnswer']
}

/** Creates every metric, apart from those of the store, which is opened before. */
export function createMetrics<T extends Provider & ObservedProvider>(
  meter: Meter,
  options: MetricsOptions<T>,
): Metrics<T> {
  const providers = options.providers.map(({ name }) => name)
  const common = { ...options, providers }
  createGatewayMetrics(meter, options)
  createBacklogMetrics(meter, common)
  showProviderStates(meter, options.providers)
  return {
    providers: measureProviders(meter, options.providers),
    orders: createOrderMetrics(meter, common),
    onTaskChange: createTaskMetrics(meter, common),
    callbacks: createCallbackMetrics(meter, common),
    onArchived: createArchiveMetrics(meter, options),
    webhooks: createWebhookMetrics(meter, options),
    purges: createRetentionMetrics(meter, options),
    graphql: createGraphqlMetrics(meter),
    sockets: createSocketMetrics(meter),
    onAnswer: createHttpMetrics(meter),
  }
}
