import type { OrderType } from './stems.ts'

/** One accepted submit. */
export interface LedgerEntry {
  readonly taskId: string
  readonly audioId: string
  readonly musicTaskId: string
  readonly type: OrderType
  /** Milliseconds since 1970. */
  readonly chargedAt: number
}

/** What would have been paid if the sandbox took money. Lives in memory. */
export interface Ledger {
  charge(entry: LedgerEntry): void
  /** The last charges, oldest first; `total` and `creditsUsed` count the forgotten ones too. */
  list(): { readonly total: number; readonly creditsUsed: number; readonly charges: readonly LedgerEntry[] }
  /** Credits that are left; never a whole number, because the provider says that it is a float. */
  credits(): number
}

const creditsOf: Readonly<Record<OrderType, number>> = { separate_vocal: 10, split_stem: 50 }
const initialCredits = 1_000_000.5
const kept = 10_000

/** An empty ledger. Nobody is ever refused for want of credits, apart from the track that is made for it. */
export function createLedger(): Ledger {
  const charges: LedgerEntry[] = []
  let total = 0
  let creditsUsed = 0
  return {
    charge(entry) {
      total += 1
      creditsUsed += creditsOf[entry.type]
      charges.push(entry)
      if (charges.length > kept) charges.shift()
    },
    list: () => ({ total, creditsUsed, charges: [...charges] }),
    credits: () => Math.max(0.5, initialCredits - creditsUsed),
  }
}
