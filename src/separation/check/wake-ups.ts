import type { ProviderName } from '../task.ts'

/** Signals that tasks of a provider have become due. A signal only saves waiting for the next poll, and may be lost. */
export interface WakeUps {
  wake(provider: ProviderName): void
  /** Calls `listener` on every signal. */
  listen(listener: (provider: ProviderName) => void): void
}

export function createWakeUps(): WakeUps {
  const listeners = new Set<(provider: ProviderName) => void>()
  return {
    wake(provider) {
      for (const listener of listeners) listener(provider)
    },
    listen: (listener) => void listeners.add(listener),
  }
}
