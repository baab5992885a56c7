import { openProviders } from '../providers/open-providers.ts'
import type { Rates } from '../providers/client/rates.ts'
import type { RestProvider } from '../providers/vocal-removal/rest-provider.ts'
import { userAgent } from '../runtime/version.ts'
import { sandboxPrices } from '../sandbox/ledger.ts'
import { createSandbox, type Sandbox } from '../sandbox/sandbox.ts'
import { callbacksPath } from '../separation/callback/callback-address.ts'
import type { Offer } from '../separation/offer.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import type { Foundation } from './foundation.ts'
import { newSecret } from './new-secret.ts'

export interface WiredProviders {
  /** The clients of all providers, also of those that are off: they still read late callbacks. */
  readonly clients: readonly RestProvider[]
  /** The clients of those that are on. */
  readonly enabled: readonly RestProvider[]
  readonly prices: Readonly<Record<ProviderName, Offer['prices']>>
  /** null if a provider has a key. */
  readonly sandbox: Sandbox | null
  /** The number of pending tasks of each provider that is off. */
  readonly waitingForDisabled: ReadonlyMap<ProviderName, number>
  /** How long a provider keeps the files of a task after its completion. */
  retentionMsOf(provider: ProviderName): number
}

/** The providers, and the sandbox if none has a key. Warns of tasks that wait for a provider that is off. */
export async function wireProviders(foundation: Foundation, rates: Rates): Promise<WiredProviders> {
  const { config, live, log, store, clock, url, publicUrl } = foundation
  const { vendors } = config
  // Valid in this process only: each gateway calls its own sandbox.
  const sandboxApiKey = newSecret()
  const isSandboxOn = Object.values(vendors).every(({ apiKeys }) => apiKeys.length === 0)
  const accountOf = (name: Exclude<ProviderName, 'sandbox'>) => ({
    baseUrl: vendors[name].baseUrl,
    apiKeys: () => live().vendors[name].apiKeys,
    prices: config.prices[name],
    creditsWarning: () => live().creditsWarnings[name],
  })
  const accounts = {
    kie: { ...accountOf('kie'), webhookKeys: () => live().kieWebhookKeys },
    apikley: accountOf('apikley'),
    sunoapi: accountOf('sunoapi'),
    // Its credits are play money, and refuse no order.
    sandbox: { baseUrl: () => `${url()}/sandbox`, apiKeys: () => (isSandboxOn ? [sandboxApiKey] : []) },
  }
  const clients = openProviders({ rates, userAgent, log, accounts })
  const isEnabled = (name: ProviderName) => accounts[name].apiKeys().length > 0
  const waitingForDisabled = new Map(
    [...(await store.backlog(clock.nowMs()))].flatMap(([name, { pending }]) =>
      isEnabled(name) || pending === 0 ? [] : [[name, pending] as const],
    ),
  )
  for (const [provider, tasks] of waitingForDisabled) {
    log.warn(
      { event: 'provider.off', provider, tasks },
      'tasks wait for a provider that is off; their checks continue when it is on again',
    )
  }
  const retentionMs = new Map(clients.map((each) => [each.name, each.retentionMs]))
  return {
    clients,
    enabled: clients.filter(({ name }) => isEnabled(name)),
    prices: { ...config.prices, sandbox: sandboxPrices },
    sandbox: isSandboxOn
      ? createSandbox({
          publicUrl,
          apiKey: sandboxApiKey,
          callbacksUrl: () => `${publicUrl()}${callbacksPath}`,
          secret: await store.secret('sandbox', newSecret),
          delayMs: config.sandboxDelayMs,
          log: (message, detail) => log.info(detail, message),
        })
      : null,
    waitingForDisabled,
    retentionMsOf: (provider) => retentionMs.get(provider) ?? 0,
  }
}
