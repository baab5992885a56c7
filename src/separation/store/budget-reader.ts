import type { ProviderName } from '../task/provider-name.ts'
import type { SeparationType } from '../task/separation-type.ts'

/** A counter of what an owner has ordered in a day or month. */
export interface BudgetCounter {
  /** What is counted, such as `orders/day`. */
  readonly name: string
  /** The day or month, in milliseconds since 1970; the end is exclusive. A task is counted in that of its `createdAtMs`. */
  readonly startMs: number
  readonly endMs: number
  /** What an order counts. The orders of the window that were placed before the counter existed are counted by it. */
  readonly amountOf: (provider: ProviderName, type: SeparationType) => number
}

/** What an order takes from a budget of its owner. */
export interface BudgetClaim extends BudgetCounter {
  readonly amount: number
  /** How much the counter may have in all. */
  readonly limit: number
}

/** Reads the budgets of callers. */
export interface BudgetReader {
  /** What each counter of the owner has now. */
  budgetsUsed(owner: string, counters: readonly BudgetCounter[]): Promise<readonly number[]>
}
