import type { Admission, CheckAnswer, Provider, SubmitAnswer } from '../separation/provider.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import type { Meter } from './meter.ts'

const callBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120]
const waitBuckets = [0.01, 0.1, 0.5, 1, 2, 3, 5, 10, 30, 60, 300, 3_600]
/** Measures the calls to providers, and the waits for their slots. Returns the measured providers. */
export function measureProviders<T extends Provider>(
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
      async check(providerTaskId, onSlot, trace) {
        let sinceMs = performance.now()
        const startTimer = () => {
          sinceMs = performance.now()
          onSlot?.()
        }
        const answer = await provider.check(providerTaskId, startTimer, trace)
        calls.observe({ provider: name, call: 'check', answer: checkLabel(answer) }, secondsSince(sinceMs))
        return answer
      },
    }
  }

  return new Map(providers.map((each) => [each.name, measured(each)]))
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
