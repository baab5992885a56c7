import { windowOf, type Budget } from '../caller-limits.ts'
import type { BudgetClaim, BudgetCounter } from '../store/budget-reader.ts'
import type { ProviderName } from '../task/provider-name.ts'
import type { SeparationType } from '../task/separation-type.ts'

/** What a separation costs, in credits, as the operator has configured it. undefined: it is not configured. */
export type PriceOf = (provider: ProviderName, type: SeparationType) => number | undefined

/** An order, as far as budgets count it. */
export interface CountedOrder {
  readonly provider: ProviderName
  readonly type: SeparationType
  readonly createdAtMs: number
}

/** A claim on a budget. */
export interface ClaimOnBudget extends BudgetClaim {
  readonly budget: Budget
}

/** What the order takes from each of the budgets that count it. An order without a price costs no credits. */
export function claimsOf(
  budgets: readonly Budget[],
  { provider, type, createdAtMs }: CountedOrder,
  priceOf: PriceOf,
): readonly ClaimOnBudget[] {
  return budgets.flatMap((budget) => {
    const counter = counterOf(budget, createdAtMs, priceOf)
    const amount = counter.amountOf(provider, type)
    return amount === 0 ? [] : [{ ...counter, budget, amount, limit: budget.limit }]
  })
}

/** The counter of the budget for the day or month in which the time is. */
export function counterOf({ kind, period }: Budget, atMs: number, priceOf: PriceOf): BudgetCounter {
  return {
    name: `${kind}/${period}`,
    ...windowOf(period, atMs),
    amountOf(provider, type) {
      switch (kind) {
        case 'orders':
          return 1
        case 'credits':
          return priceOf(provider, type) ?? 0
        case 'separate_vocal':
        case 'split_stem':
          return type === kind ? 1 : 0
      }
    },
  }
}
