import type { WebhookBacklog } from '../separation/store/webhook-queue.ts'
import type { Clock } from '../separation/store/clock.ts'
import { createKeptValue } from './kept-value.ts'
import type { Meter } from './meter.ts'

export interface WebhookMetricsOptions {
  /** What waits to be sent. It may reject. */
  readonly webhookBacklog: () => Promise<WebhookBacklog>
  readonly clock: Clock
}

/** What reports on webhooks. */
export interface WebhookMetrics {
  /** Counts an attempt by its result. */
  attempted(result: string): void
}

/** The results of attempts, all of which are shown from the start. */
const results = ['delivered', 'refused', 'timeout', 'unreachable', 'not-allowed'] as const

/** Counts attempts to send webhooks, and shows what waits in the database. All gateways of a database show the same. */
export function createWebhookMetrics(meter: Meter, { webhookBacklog, clock }: WebhookMetricsOptions): WebhookMetrics {
  const attempts = meter.counter({
    name: 'stemgate_webhook_attempts_total',
    help: 'Attempts to send a webhook by result: delivered, refused (another answer than 2xx), timeout, unreachable, not-allowed (a private address).',
    labels: ['result'],
  })
  for (const result of results) attempts.inc({ result }, 0)
  const read = createKeptValue(webhookBacklog)
  show(
    'waiting_webhooks',
    'Webhooks that are not delivered yet, and are sent or tried again. The same at every gateway of a database.',
    ({ waiting }) => waiting,
  )
  show(
    'oldest_waiting_webhook_age_seconds',
    'Age of the oldest webhook that waits; 0 without one. The same at every gateway of a database.',
    ({ oldestAtMs }) => (oldestAtMs === null ? 0 : Math.max(0, clock.nowMs() - oldestAtMs) / 1_000),
  )
  show(
    'held_webhooks',
    'Webhooks that are kept and not sent: their endpoint is paused, or every attempt has failed. The same at every gateway of a database.',
    ({ held }) => held,
  )
  show(
    'paused_webhook_endpoints',
    'Endpoints to which no webhooks are sent until the operator resumes them. The same at every gateway of a database.',
    ({ pausedEndpoints }) => pausedEndpoints,
  )
  return { attempted: (result) => attempts.inc({ result }) }

  function show(name: string, help: string, valueOf: (backlog: WebhookBacklog) => number): void {
    meter.gauge({
      name: `stemgate_${name}`,
      help,
      async collect(gauge) {
        const backlog = await read()
        if (backlog === null) gauge.remove()
        else gauge.set(valueOf(backlog))
      },
    })
  }
}
