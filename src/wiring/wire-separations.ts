import type { Metrics } from '../metrics/metrics.ts'
import type { RestProvider } from '../providers/vocal-removal/rest-provider.ts'
import type { CallbackAddresses } from '../separation/callback/callback-address.ts'
import type { Changes } from '../separation/changes.ts'
import { createCheckRequests } from '../separation/check/check-requests.ts'
import { createChecker, type Checker } from '../separation/check/checker.ts'
import { createSeparations, type Separations } from '../separation/separations.ts'
import { providerNames } from '../separation/task/provider-name.ts'
import { toldChange } from '../separation/webhooks/told-change.ts'
import type { WebhookAddresses } from '../webhooks/webhook-addresses.ts'
import type { Foundation } from './foundation.ts'
import type { WiredProviders } from './wire-providers.ts'
import type { WiredTracing } from './wire-tracing.ts'

export interface SeparationsWiring {
  readonly changes: Changes
  readonly addresses: CallbackAddresses
  readonly prices: WiredProviders['prices']
  readonly metrics: Metrics<RestProvider>
  readonly tracing: WiredTracing
  readonly webhookAddresses: WebhookAddresses
  /** Called when a message about a task may have been stored. */
  readonly wakeWebhooks: () => void
  /** How often due tasks are looked for. */
  readonly pollIntervalMs: number
}

export interface WiredSeparations {
  readonly separations: Separations
  readonly checker: Checker
}

/** The core and its poll loop. */
export function wireSeparations(foundation: Foundation, wiring: SeparationsWiring): WiredSeparations {
  const { config, live, log, store, clock } = foundation
  const { changes, addresses, prices, metrics, tracing, pollIntervalMs } = wiring
  const requests = createCheckRequests()
  const ordering = createSeparations({
    store,
    reader: store,
    clock,
    changes,
    providers: metrics.providers,
    defaultProvider: config.defaultProvider,
    addresses,
    log,
    onBudgetWarning: metrics.orders.budgetWarning,
    priceOf: (provider, type) => prices[provider].get(type),
    timings: {
      intervalMs: config.checkIntervalMs,
      submitTimeoutMs: config.submitTimeoutMs,
      submitWaitMs: config.submitWaitMs,
      unconfirmedAfterMs: config.unconfirmedAfterMs,
      giveUpAfterMs: config.giveUpAfterMs,
      callbackGraceMs: config.callbackGraceMs,
      failureGraceMs: config.failureGraceMs,
      emptyGraceMs: config.emptyGraceMs,
    },
    requests,
    archiveMs: config.archive?.retentionMs ?? null,
    mistakeInWebhookUrl: wiring.webhookAddresses.mistakeIn,
    onTaskChange(before, after) {
      metrics.onTaskChange(before, after)
      if (toldChange(before, after) !== null) wiring.wakeWebhooks()
    },
  })
  const separations = {
    ...ordering,
    separate: metrics.orders.counted(tracing.orders(ordering.separate)),
    saveCallback: tracing.callbacks(ordering.saveCallback),
  }
  const checker = createChecker({
    queue: store,
    clock,
    work: separations.check,
    requests,
    providers: providerNames,
    log,
    readsPerSecond: () => live().readsPerSecond,
    pollIntervalMs,
  })
  return { separations, checker }
}
