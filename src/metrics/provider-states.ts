import type { KnownBalance } from '../providers/client/balance.ts'
import type { KeyState, ProviderState } from '../providers/client/provider-state.ts'
import { withTimeout } from '../runtime/with-timeout.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import type { Meter } from './meter.ts'

/** A provider whose state is shown. */
export interface ObservedProvider {
  readonly name: ProviderName
  state(): ProviderState
  /** Whether the operator has paused it. */
  isPaused(): boolean
  /** The balance of each API key, in the operator's order, at most a minute old. */
  balances(): readonly Promise<KnownBalance>[]
}

/** How long a scrape waits for a balance. A later one is shown at the next scrape. */
const maxCreditsWaitMs = 500

/** Shows what the gateway knows of its providers when the metrics are read. */
export function showProviderStates(meter: Meter, providers: readonly ObservedProvider[]): void {
  showState('reachable', '1 while the last calls to the provider could be sent, else 0.', ({ isReachable }) =>
    Number(isReachable),
  )
  showKeys(
    'key_accepted',
    '1 while the provider accepts the API key, as far as its last answers show, else 0. `key`: its place in the variable, from 1.',
    ({ isAccepted }) => isAccepted,
  )
  showKeys(
    'key_set_aside',
    '1 while orders try other API keys before this one, because the provider has refused it or its account could not pay, else 0.',
    ({ isSetAside }) => isSetAside,
  )
  showState(
    'breaker_open',
    'Whether orders are paused because the provider fails: 1 for all callers, 0.5 for some callers or tracks, 0 for none.',
    ({ breaker }) => openness[breaker],
  )
  meter.gauge({
    name: 'stemgate_provider_paused',
    help: '1 while the operator has paused orders to the provider (stemgate admin pause), else 0.',
    labels: ['provider'],
    collect(gauge) {
      for (const each of providers) gauge.set({ provider: each.name }, Number(each.isPaused()))
    },
  })
  // The sandbox has no account.
  const vendors = providers.filter(({ name }) => name !== 'sandbox')
  meter.gauge({
    name: 'stemgate_provider_credits',
    help: 'The balance of the account of each API key, at most 2 minutes old. Missing if it cannot be read.',
    labels: ['provider', 'key'],
    async collect(gauge) {
      const read = vendors.flatMap(({ name: provider, balances }) =>
        balances().map(async (reading, index) => {
          const balance = await withTimeout(maxCreditsWaitMs, reading)
          return { provider, key: String(index + 1), credits: balance?.kind === 'credits' ? balance.credits : null }
        }),
      )
      const shown = await Promise.all(read)
      // Together, because another scrape may be under way.
      gauge.reset()
      for (const { credits, ...key } of shown) if (credits !== null) gauge.set(key, credits)
    },
  })

  meter.gauge({
    name: 'stemgate_provider_credits_low',
    help: '1 while all accounts at the provider together have fewer credits than <PROVIDER>_CREDITS_WARNING, else 0. Missing without it.',
    labels: ['provider'],
    async collect(gauge) {
      await withTimeout(maxCreditsWaitMs, Promise.all(vendors.flatMap(({ balances }) => balances())))
      gauge.reset()
      for (const { name: provider, state } of vendors) {
        const { areCreditsLow } = state()
        if (areCreditsLow !== null) gauge.set({ provider }, Number(areCreditsLow))
      }
    },
  })

  function showKeys(name: string, help: string, isSo: (key: KeyState) => boolean): void {
    meter.gauge({
      name: `stemgate_provider_${name}`,
      help,
      labels: ['provider', 'key'],
      collect(gauge) {
        // The keys may have been replaced by fewer.
        gauge.reset()
        for (const { name: provider, state } of providers) {
          for (const key of state().keys) gauge.set({ provider, key: String(key.position) }, Number(isSo(key)))
        }
      },
    })
  }

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
