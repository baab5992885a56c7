import type { Log } from '../runtime/log.ts'
import type { Offer } from './offer.ts'
import type { OperatorStore, Pause } from './store/operator-store.ts'
import type { Admission, Provider } from './provider.ts'
import type { ProviderName } from './task/provider-name.ts'
import type { Refusal } from './task/failure.ts'

/** Keeps the pauses of providers, as the store had them at the last poll. While the store is away, they stay as they are. */
export interface PausedProviders {
  /** Reads the pauses, and begins to poll. Rejects if they cannot be read. */
  start(): Promise<void>
  stop(): void
  isPaused(provider: ProviderName): boolean
  /**
   * The provider, which admits no order while it is paused: new orders are refused before anything is stored, and queued ones
   * wait. Orders that join a task, checks and callbacks need no admission.
   */
  guard<T extends Provider & Pick<Offer, 'isAvailable'>>(provider: T): T & Pick<Offer, 'isPaused'>
}

export interface PausedProvidersOptions {
  readonly store: Pick<OperatorStore, 'pauses'>
  readonly log: Log
  readonly pollIntervalMs: number
}

export function createPausedProviders({ store, log, pollIntervalMs }: PausedProvidersOptions): PausedProviders {
  let pauses: ReadonlyMap<ProviderName, Pause> = new Map()
  let timer: NodeJS.Timeout | undefined
  let isReading = false

  return {
    async start() {
      await read()
      timer = setInterval(poll, pollIntervalMs).unref()
    },
    stop: () => clearInterval(timer),
    isPaused: (provider) => pauses.has(provider),
    guard(provider) {
      const isPaused = () => pauses.has(provider.name)
      const refusal = pausedRefusal(provider.name)
      /** A pause may begin while an order waits for its slot. */
      function checked(admission: Admission): Admission {
        if (!isPaused()) return admission.kind === 'admitted' ? admission : withCheckedWait(admission)
        if (admission.kind === 'admitted') admission.release()
        return { kind: 'not-admitted', refusal, wait: null }
      }
      function withCheckedWait(admission: Extract<Admission, { kind: 'not-admitted' }>): Admission {
        const { wait } = admission
        if (wait === null) return admission
        return { ...admission, wait: { ...wait, until: async (untilMs) => checked(await wait.until(untilMs)) } }
      }
      return {
        ...provider,
        isPaused,
        isAvailable: (owner) => !isPaused() && provider.isAvailable(owner),
        admit: async (order) =>
          isPaused() ? { kind: 'not-admitted', refusal, wait: null } : checked(await provider.admit(order)),
      }
    },
  }

  function poll(): void {
    if (isReading) return
    isReading = true
    // The store itself logs that it is unavailable.
    read()
      .catch(() => {})
      .finally(() => (isReading = false))
  }

  async function read(): Promise<void> {
    const next = new Map((await store.pauses()).map((pause) => [pause.provider, pause]))
    for (const { provider, reason, pausedAtMs } of next.values()) {
      if (pauses.has(provider)) continue
      const detail = { event: 'provider.paused', provider, reason, pausedAt: new Date(pausedAtMs).toISOString() }
      log.warn(detail, 'the operator has paused a provider: it gets no new orders until it is resumed')
    }
    for (const provider of pauses.keys()) {
      if (next.has(provider)) continue
      log.info({ event: 'provider.resumed', provider }, 'the operator has resumed a provider: it gets orders again')
    }
    pauses = next
  }
}

function pausedRefusal(provider: ProviderName): Refusal {
  return {
    reason: 'unavailable',
    providerCode: null,
    message:
      `The operator has paused orders to ${provider.toUpperCase()}. Nothing was ordered and nothing was charged. ` +
      'Order again later, or from another provider.',
    retryable: true,
    retryAfterSeconds: null,
  }
}
