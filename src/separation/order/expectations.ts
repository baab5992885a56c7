import { startedAtMs } from '../task/task-times.ts'
import type { ProviderName } from '../task/provider-name.ts'
import type { SeparationType } from '../task/separation-type.ts'
import type { SucceededTask } from '../task/task.ts'

/** Estimates how long a separation takes, by those that this gateway has seen succeed. A restart forgets them. */
export interface Expectations {
  learn(task: SucceededTask): void
  /** When an order that is sent at `sentAtMs` is expected to have its result; null if too few are known. */
  expectedAtMs(provider: ProviderName, type: SeparationType, sentAtMs: number): number | null
}

/** Of how many of the latest separations the median is taken, and of how many at least. */
const maxKnown = 50
const minKnown = 5

export function createExpectations(): Expectations {
  /** How long the latest separations took, in milliseconds, oldest first, by provider and type. */
  const durations = new Map<string, number[]>()
  const keyOf = (provider: ProviderName, type: SeparationType) => `${provider}/${type}`

  return {
    learn(task) {
      // Of a task made elsewhere, the gateway does not know when it began.
      if (task.type === null || task.musicTaskId === null) return
      const key = keyOf(task.provider, task.type)
      const known = durations.get(key) ?? []
      durations.set(key, known)
      known.push(Math.max(0, task.foundAtMs - startedAtMs(task)))
      if (known.length > maxKnown) known.shift()
    },
    expectedAtMs(provider, type, sentAtMs) {
      const known = durations.get(keyOf(provider, type)) ?? []
      if (known.length < minKnown) return null
      const sorted = known.toSorted((a, b) => a - b)
      return sentAtMs + Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)
    },
  }
}
