import type { Store } from '../store.ts'

/** Due tasks that are this gateway's alone to ask for, for as long as it lives. */
export interface Lease {
  /** No longer renews the claim of this task; resolves to its lease, by which the store knows the claim. */
  release(taskId: string): Promise<number>
}

export interface LeaseOptions {
  readonly store: Pick<Store, 'renew'>
  readonly taskIds: readonly string[]
  readonly leaseUntilMs: number
  /** The end of a lease that begins now, in milliseconds since 1970. */
  readonly newLease: () => number
  readonly onError: (error: unknown) => void
}

/** A claim that is not renewed in this time has died with its gateway, or while that stood still. */
export const leaseMs = 20_000
const renewEveryMs = leaseMs / 4

/** Renews the lease of claimed tasks, which wait for their turn at the provider's rate, until each of them is let go. */
export function holdLease({ store, taskIds, newLease, onError, ...claim }: LeaseOptions): Lease {
  const held = new Set(taskIds)
  let { leaseUntilMs } = claim
  let renewal: Promise<void> | null = null
  const renewing = setInterval(() => {
    renewal ??= renew()
      .catch(onError)
      .finally(() => (renewal = null))
  }, renewEveryMs).unref()

  async function renew(): Promise<void> {
    const laterMs = newLease()
    await store.renew([...held], leaseUntilMs, laterMs)
    leaseUntilMs = laterMs
  }

  return {
    async release(taskId) {
      held.delete(taskId)
      if (held.size === 0) clearInterval(renewing)
      // A renewal that is under way is one of this task, too.
      await renewal
      return leaseUntilMs
    },
  }
}
