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

/** The charges that the sandbox would have made. Kept in memory. */
export interface Ledger {
  charge(entry: LedgerEntry): void
  /** The latest charges, oldest first. `total` and `creditsUsed` include the removed ones. */
  list(): { readonly total: number; readonly creditsUsed: number; readonly charges: readonly LedgerEntry[] }
  /** The remaining credits. Never an integer, because the providers document a float. */
  credits(): number
}

/** What each type costs, in credits. */
export const sandboxPrices: ReadonlyMap<OrderType, number> = new Map([
  ['separate_vocal', 10],
  ['split_stem', 50],
])
const initialCredits = 1_000_000.5
const maxCharges = 10_000

/** Creates an empty ledger. Using up the credits refuses no order; only the test track `no-credits` does. */
export function createLedger(): Ledger {
  const charges: LedgerEntry[] = []
  let total = 0
  let creditsUsed = 0
  return {
    charge(entry) {
      total += 1
      creditsUsed += sandboxPrices.get(entry.type) ?? 0
      charges.push(entry)
      if (charges.length > maxCharges) charges.shift()
    },
    list: () => ({ total, creditsUsed, charges: [...charges] }),
    credits: () => Math.max(0.5, initialCredits - creditsUsed),
  }
}
