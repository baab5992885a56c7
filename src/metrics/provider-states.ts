import type { ProviderState } from '../providers/client/provider-state.ts'
import { withTimeout } from '../runtime/with-timeout.ts'
import type { CreditBalance } from '../separation/offer.ts'
import type { ProviderName } from '../separation/task.ts'
import type { Meter } from './meter.ts'

/** A provider whose state is shown. */
export interface ObservedProvider {
  readonly name: ProviderName
  state(): ProviderState
  /** At most a minute old; null if it cannot be read. */
  readCredits(): Promise<CreditBalance | null>
}

/** How long a scrape waits for a balance. A later one is shown at the next scrape. */
const maxCreditsWaitMs = 500

/** Shows what the gateway knows of its providers when the metrics are read. */
export function showProviderStates(meter: Meter, providers: readonly ObservedProvider[]): void {
  showState('reachable', '1 while the last calls to the provider could be sent, else 0.', ({ isReachable }) =>
    Number(isReachable),
  )
  showState(
    'key_accepted',
    "1 while the provider accepts the gateway's API key, as far as its last answers show, else 0.",
    ({ isKeyAccepted }) => Number(isKeyAccepted),
  )
  showState(
    'breaker_open',
    'Whether orders are paused because the provider fails: 1 for all callers, 0.5 for some callers or tracks, 0 for none.',
    ({ breaker }) => openness[breaker],
  )
  // The sandbox has no account.
  const vendors = providers.filter(({ name }) => name !== 'sandbox')
  meter.gauge({
    name: 'stemgate_provider_credits',
    help: "The balance of the operator's account at the provider, at most 2 minutes old. Missing if it cannot be read.",
    labels: ['provider'],
    async collect(gauge) {
      const balances = await Promise.all(
        vendors.map(async ({ name: provider, readCredits }) => ({
          provider,
          credits: (await withTimeout(maxCreditsWaitMs, readCredits()))?.credits,
        })),
      )
      // Together, because another scrape may be under way.
      gauge.reset()
      for (const { provider, credits } of balances) if (credits !== undefined) gauge.set({ provider }, credits)
    },
  })

  function showState(name: string, help: string, valueOf: (state: ProviderState) => number): void {
    meter.gauge({
      name: `stemgate_provider_${name}`,
      help,
      labels: ['provider'],
      collect(gauge) {
        for (const each of providers) gauge.set({ provider: each.name }, valueOf(each.state()))
      },
    })
  }
}

const openness = { closed: 0, 'open-for-some': 0.5, open: 1 } as const satisfies Record<
  ProviderState['breaker'],
  number
>
