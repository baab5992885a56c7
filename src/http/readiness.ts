import { withTimeout } from '../runtime/with-timeout.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'

/** Whether the gateway can accept orders now. */
export interface Readiness {
  /** Throws if the gateway cannot accept orders. */
  check(): Promise<void>
  /** The providers that are on and get no orders, because the operator has paused them. */
  pausedProviders(): readonly ProviderName[]
  /** Makes the gateway permanently not ready, because it is about to stop. */
  stop(): void
}

export interface ReadinessOptions {
  /** Rejects if the store cannot write. */
  readonly checkWritable: () => Promise<void>
  readonly pausedProviders: () => readonly ProviderName[]
  /** How long a write may take, in milliseconds. */
  readonly timeoutMs?: number
  /** How long a result is cached, in milliseconds. */
  readonly cacheMs?: number
}

class NotReadyError extends Error {
  override readonly name = 'NotReadyError'
}

/** For any number of requests at most one write is in progress, and at most one starts in `cacheMs`. */
export function createReadiness(options: ReadinessOptions): Readiness {
  const { checkWritable, pausedProviders, timeoutMs = 1_000, cacheMs = 1_000 } = options
  let isStopping = false
  let last: { readonly isReady: boolean; readonly untilMs: number } | null = null
  let pendingWrite: Promise<boolean> | null = null
  let pendingResult: Promise<boolean> | null = null

  async function testWrite(): Promise<boolean> {
    // After a timeout the write continues. Another one would only wait behind it.
    pendingWrite ??= checkWritable()
      .then(
        () => true,
        () => false,
      )
      .finally(() => (pendingWrite = null))
    const isReady = (await withTimeout(timeoutMs, pendingWrite)) ?? false
    last = { isReady, untilMs: performance.now() + cacheMs }
    return isReady
  }

  return {
    async check() {
      if (last === null || performance.now() >= last.untilMs) {
        await (pendingResult ??= testWrite().finally(() => (pendingResult = null)))
      }
      if (isStopping || last?.isReady !== true) throw new NotReadyError('The gateway cannot accept orders now.')
    },
    pausedProviders,
    stop() {
      isStopping = true
    },
  }
}
