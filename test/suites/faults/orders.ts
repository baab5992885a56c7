import type { Order } from './client.ts'
import { createRandom } from './random.ts'
import type { TrackKind } from './vendor.ts'

/**
 * What is ordered, the same for the same seed: `tracks` groups of one to three orders for one track that are made at one
 * time. Only a track that cannot fail is ordered without a key or under several: a failed one may be ordered anew.
 */
export function planOrders(seed: string, tracks: number): readonly (readonly Order[])[] {
  const random = createRandom(`${seed}/orders`)
  const groups: Order[][] = []
  for (let made = 0; made < tracks; made++) {
    const jitter = random.next()
    const type = random.next() < 0.7 ? 'SEPARATE_VOCAL' : 'SPLIT_STEM'
    const size = random.pick([1, 1, 1, 2, 3]) ?? 1
    const order = (kind: TrackKind, idempotencyKey: string | null, force = false): Order => {
      const audioId = `${made}-${kind}`
      return { musicTaskId: `music-of-${audioId}`, audioId, type, idempotencyKey, force }
    }
    const several = (make: (index: number) => Order) => Array.from({ length: size }, (_, index) => make(index))
    const group =
      jitter < 0.5
        ? several(() => order('plain', `key-${made}`))
        : jitter < 0.68
          ? several(() => order('plain', `key-${made}`, true))
          : jitter < 0.72
            ? several(() => order('broke', `key-${made}`))
            : jitter < 0.88
              ? several(() => order('steady', null))
              : several((index) => order('steady', `key-${made}-${index}`))
    groups.push(group)
  }
  return groups
}
