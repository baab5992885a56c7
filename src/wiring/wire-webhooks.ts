import { derived } from '../runtime/derived.ts'
import { userAgent } from '../runtime/version.ts'
import { createCallerSecrets } from '../webhooks/caller-secrets.ts'
import { createMessageBody, type MessageBodyOptions } from '../webhooks/message-body.ts'
import { createWebhooks, type Webhooks, type WebhooksOptions } from '../webhooks/open-webhooks.ts'
import type { WebhookAddresses } from '../webhooks/webhook-addresses.ts'
import type { Foundation } from './foundation.ts'
import { newSecret } from './new-secret.ts'

export interface WebhooksWiring extends MessageBodyOptions {
  readonly addresses: WebhookAddresses
  readonly onAttempt: WebhooksOptions['onAttempt']
  readonly traced: WebhooksOptions['traced']
  readonly pollIntervalMs: number
}

/** What tells callers of their tasks. */
export async function wireWebhooks(foundation: Foundation, wiring: WebhooksWiring): Promise<Webhooks> {
  const { config, live, log, store, clock } = foundation
  const ownSecret = await store.secret('webhooks', newSecret)
  const secrets = derived(
    () => live().webhookSecrets,
    (webhookSecrets) => [...webhookSecrets, ownSecret],
  )
  return createWebhooks({
    ...wiring,
    queue: store.webhooks,
    clock,
    bodyOf: createMessageBody(wiring),
    secretsOf: createCallerSecrets(secrets),
    retryDelaysMs: config.webhookRetryDelaysMs,
    userAgent,
    log,
  })
}
