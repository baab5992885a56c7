import type { ProviderState } from '../providers/client/provider-state.ts'
import type { CreditBalance } from '../separation/offer.ts'
import type { Admission, CheckAnswer, Provider, SubmitAnswer } from '../separation/provider.ts'
import type { ProviderName } from '../separation/task.ts'
import { withTimeout } from '../runtime/with-timeout.ts'
import type { Meter } from './meter.ts'

/** A provider that is observed. */
export interface ObservedProvider extends Provider {
  state(): ProviderState
  /** At most a minute old; null if it cannot be read. */
  readCredits(): Promise<CreditBalance | null>
}

const callBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120]
const waitBuckets = [0.01, 0.1, 0.5, 1, 2, 3, 5, 10, 30, 60, 300, 3_600]
/** How long a scrape waits for a balance. A later one is shown at the next scrape. */
const maxCreditsWaitMs = 500

/** Measures the calls to providers, and shows their state when the metrics are read. Returns the measured providers. */
export function measureProviders<T extends ObservedProvider>(
  meter: Meter,
  providers: readonly T[],
): ReadonlyMap<ProviderName, T> {
  const calls = meter.histogram({
    name: 'stemgate_provider_call_seconds',
    help: 'Time until a provider answered a call (submit, check), by answer. The wait for a place within the rate is not included. unknown and inconclusive: there was no usable answer.',
    labels: ['provider', 'call', 'answer'],
    buckets: callBuckets,
  })
  const slotWaits = meter.histogram({
    name: 'stemgate_slot_wait_seconds',
    help: "Time that orders waited for a slot within the provider's rate, by whether they got one (admitted, not-admitted).",
    labels: ['provider', 'outcome'],
    buckets: waitBuckets,
  })
  const waiting = meter.gauge({
    name: 'stemgate_orders_waiting_for_slot',
    help: "Orders that wait at this gateway for a slot within the provider's rate.",
    labels: ['provider'],
  })
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
  meter.gauge({
    name: 'stemgate_provider_credits',
    help: "The balance of the operator's account at the provider, at most 2 minutes old. Missing if it cannot be read.",
    labels: ['provider'],
    async collect(gauge) {
      gauge.reset()
      await Promise.all(
        vendorsAmong(providers).map(async (each) => {
          const balance = await withTimeout(maxCreditsWaitMs, each.readCredits())
          if (balance !== null) gauge.set({ provider: each.name }, balance.credits)
        }),
      )
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

  function measured(provider: T): T {
    const { name } = provider
    const countWait = (admission: Admission, sinceMs: number) =>
      slotWaits.observe({ provider: name, outcome: admission.kind }, secondsSince(sinceMs))
    waiting.set({ provider: name }, 0)

    async function waitForSlot(until: () => Promise<Admission>): Promise<Admission> {
      const sinceMs = performance.now()
      waiting.inc({ provider: name })
      try {
        const admission = await until()
        countWait(admission, sinceMs)
        return admission
      } finally {
        waiting.dec({ provider: name })
      }
    }

    return {
      ...provider,
      async admit(order) {
        const sinceMs = performance.now()
        const admission = await provider.admit(order)
        if (admission.kind === 'admitted') countWait(admission, sinceMs)
        if (admission.kind === 'admitted' || admission.wait === null) return admission
        const { wait } = admission
        return { ...admission, wait: { ...wait, until: (untilMs) => waitForSlot(() => wait.until(untilMs)) } }
      },
      async submit(order) {
        const sinceMs = performance.now()
        const answer = await provider.submit(order)
        calls.observe({ provider: name, call: 'submit', answer: submitLabel(answer) }, secondsSince(sinceMs))
        return answer
      },
      async check(providerTaskId, onSlot) {
        let sinceMs = performance.now()
        const answer = await provider.check(providerTaskId, () => {
          sinceMs = performance.now()
          onSlot?.()
        })
        calls.observe({ provider: name, call: 'check', answer: checkLabel(answer) }, secondsSince(sinceMs))
        return answer
      },
    }
  }

  return new Map(providers.map((each) => [each.name, measured(each)]))
}

const openness = { closed: 0, 'open-for-some': 0.5, open: 1 } as const satisfies Record<
  ProviderState['breaker'],
  number
>

/** The sandbox has no account. */
function vendorsAmong<T extends ObservedProvider>(providers: readonly T[]): readonly T[] {
  return providers.filter(({ name }) => name !== 'sandbox')
}

function submitLabel(answer: SubmitAnswer): string {
  return answer.kind === 'refused' ? `refused-${answer.refusal.reason}` : answer.kind
}

function checkLabel(answer: CheckAnswer): string {
  return answer.kind === 'found' ? answer.report.outcome.state : answer.kind
}

function secondsSince(sinceMs: number): number {
  return (performance.now() - sinceMs) / 1_000
}
