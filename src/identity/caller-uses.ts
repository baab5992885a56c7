import type { CallerUse, OperatorStore } from '../separation/store/operator-store.ts'
import type { Clock } from '../separation/store/clock.ts'

/** Keeps in memory when callers were last let in, and stores it once a minute. No request waits for it. */
export interface CallerUses {
  /** Notes that a caller is let in now. */
  note(owner: string, credential: string | null): void
  start(): void
  /** Stores what is not stored yet. Resolves also if that fails. */
  stop(): Promise<void>
}

export interface CallerUsesOptions {
  readonly store: Pick<OperatorStore, 'recordUse'>
  readonly clock: Clock
}

const storeIntervalMs = 60_000
/** How many callers are kept between two writes. Of more, the others are noted when they come again. */
const maxCallers = 10_000
/** How many callers one write stores. */
const maxAtOnce = 500

export function createCallerUses({ store, clock }: CallerUsesOptions): CallerUses {
  let uses = new Map<string, CallerUse>()
  let timer: NodeJS.Timeout | undefined
  let storing: Promise<void> = Promise.resolve()

  return {
    note(owner, credential) {
      const name = JSON.stringify([owner, credential])
      if (uses.size < maxCallers || uses.has(name)) uses.set(name, { owner, credential, lastUsedAtMs: clock.nowMs() })
    },
    start() {
      const storeNext = () => void (storing = storing.then(storeAll))
      timer = setInterval(storeNext, storeIntervalMs).unref()
    },
    async stop() {
      clearInterval(timer)
      await storing
      await storeAll()
    },
  }

  async function storeAll(): Promise<void> {
    const stored = uses
    uses = new Map()
    const all = [...stored.values()]
    try {
      for (let from = 0; from < all.length; from += maxAtOnce) await store.recordUse(all.slice(from, from + maxAtOnce))
    } catch {
      // The store is away, and says so itself. These callers are stored the next time.
      uses = new Map([...stored, ...uses])
    }
  }
}
