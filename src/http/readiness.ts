import { withTimeout } from '../runtime/with-timeout.ts'

/** Whether the gateway can take an order now. */
export interface Readiness {
  /** Throws if an order cannot be taken. */
  check(): Promise<void>
  /** From now on the gateway is not ready, whatever its store does: it is about to stop. */
  leave(): void
}

export interface ReadinessOptions {
  /** Rejects if nothing can be written. */
  readonly checkWritable: () => Promise<void>
  /** How long a write may take, in milliseconds. */
  readonly withinMs?: number
  /** How long an answer is given to those who ask next, in milliseconds. */
  readonly keptMs?: number
}

class NotReadyError extends Error {
  override readonly name = 'NotReadyError'
}

/** However many ask, one write is under way at most, and one begins in `keptMs`. */
export function createReadiness({ checkWritable, withinMs = 1_000, keptMs = 1_000 }: ReadinessOptions): Readiness {
  let isLeaving = false
  let last: { readonly isReady: boolean; readonly untilMs: number } | null = null
  let writing: Promise<boolean> | null = null
  let asking: Promise<boolean> | null = null

  async function ask(): Promise<boolean> {
    // A write that takes longer than anybody waits for it goes on: another one would only stand behind it.
    writing ??= checkWritable()
      .then(
        () => true,
        () => false,
      )
      .finally(() => (writing = null))
    const isReady = (await withTimeout(withinMs, writing)) ?? false
    last = { isReady, untilMs: performance.now() + keptMs }
    return isReady
  }

  return {
    async check() {
      if (last === null || performance.now() >= last.untilMs) {
        await (asking ??= ask().finally(() => (asking = null)))
      }
      if (isLeaving || last?.isReady !== true) throw new NotReadyError('No order can be taken now.')
    },
    leave() {
      isLeaving = true
    },
  }
}
