import type { DueQueue } from '../store/due-queue.ts'

/** Leased tasks. No other gateway checks them while this one renews the lease. */
export interface Lease {
  /** Stops renewing the lease of this task. Resolves to the end of the lease, which identifies it in the store. */
  release(taskId: string): Promise<number>
}

export interface LeaseOptions {
  readonly queue: Pick<DueQueue<never>, 'renew'>
  readonly taskIds: readonly string[]
  /** When the lease ends, in milliseconds since 1970. */
  readonly leaseUntilMs: number
  /** The end of a lease that begins now, in milliseconds since 1970. */
  readonly newLease: () => number
  readonly onError: (error: unknown) => void
}

/** The duration of a lease. The tasks of a gateway that stops renewing, because it died or hangs, become due after it. */
export const leaseMs = 20_000
const renewEveryMs = leaseMs / 4

/** Renews the lease of tasks until each of them is released. */
export function holdLease({ queue, taskIds, newLease, onError, ...lease }: LeaseOptions): Lease {
  const held = new Set(taskIds)
  let { leaseUntilMs } = lease
  let renewal: Promise<void> | null = null
  const renewing = setInterval(() => {
    renewal ??= renew()
      .catch(onError)
      .finally(() => (renewal = null))
  }, renewEveryMs).unref()

  async function renew(): Promise<void> {
    const laterMs = newLease()
    await queue.renew([...held], leaseUntilMs, laterMs)
    leaseUntilMs = laterMs
  }

  return {
    async release(taskId) {
      held.delete(taskId)
      if (held.size === 0) clearInterval(renewing)
      // A renewal that is under way includes this task.
      await renewal
      return leaseUntilMs
    },
  }
}
