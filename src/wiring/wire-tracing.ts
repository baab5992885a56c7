import type { Meter } from '../metrics/meter.ts'
import { createSpanMetrics } from '../metrics/span-metrics.ts'
import type { Log } from '../runtime/log.ts'
import type { SaveCallback } from '../separation/callback/save-callback.ts'
import type { Work } from '../separation/check/poller.ts'
import type { Provider } from '../separation/provider.ts'
import type { Separations } from '../separation/separations.ts'
import type { ArchiveJob } from '../separation/store/archive-queue.ts'
import { traceArchive } from '../tracing/trace-archive.ts'
import { traceCallbacks } from '../tracing/trace-callbacks.ts'
import type { TraceExport } from '../tracing/trace-export.ts'
import { traceOrders } from '../tracing/trace-orders.ts'
import { traceProvider } from '../tracing/trace-provider.ts'
import { traceWebhooks } from '../tracing/trace-webhooks.ts'
import type { SendMessage } from '../webhooks/deliver-message.ts'

/** What of the gateway is traced. Each returns what it is given, with spans, or as it is. */
export interface WiredTracing {
  orders(separate: Separations['separate']): Separations['separate']
  callbacks(save: SaveCallback): SaveCallback
  provider<T extends Provider>(provider: T): T
  archive(work: Work<ArchiveJob>): Work<ArchiveJob>
  webhooks(send: SendMessage): SendMessage
  /** Sends the spans that wait, for a few seconds at most. */
  close(): Promise<void>
}

const noTracing: WiredTracing = {
  orders: (separate) => separate,
  callbacks: (save) => save,
  provider: (provider) => provider,
  archive: (work) => work,
  webhooks: (send) => send,
  close: async () => {},
}

/** Loads OpenTelemetry if a collector is configured. */
export async function wireTracing(to: TraceExport | null, meter: Meter, log: Log): Promise<WiredTracing> {
  const observer = createSpanMetrics(meter)
  if (to === null) return noTracing
  const { openTracer } = await import('../tracing/open-tracer.ts')
  const tracer = openTracer({ export: to, observer, log })
  return {
    orders: (separate) => traceOrders(tracer, separate),
    callbacks: (save) => traceCallbacks(tracer, save),
    provider: (provider) => traceProvider(tracer, provider),
    archive: (work) => traceArchive(tracer, work),
    webhooks: (send) => traceWebhooks(tracer, send),
    close: tracer.close,
  }
}
