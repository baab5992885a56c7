import { createBoundedMap } from '../../runtime/bounded-map.ts'
import type { Log } from '../../runtime/log.ts'
import type { Budget } from '../caller-limits.ts'
import type { ClaimOnBudget } from './budget-claims.ts'

export interface BudgetWarningsOptions {
  readonly log: Pick<Log, 'warn'>
  /** Called with each budget that is logged. */
  readonly onWarning?: ((budget: Budget) => void) | undefined
}

export interface BudgetWarnings {
  /** Logs the budgets that are nearly used up, each once in its day or month. `used`: what each has after the claims. */
  check(owner: string, claims: readonly ClaimOnBudget[], used: readonly number[]): void
}

/** The share of a budget at which the operator and the caller are warned. */
export const warningShare = 0.8
/** How many warnings are remembered. */
const maxWarnings = 10_000

export function createBudgetWarnings({ log, onWarning }: BudgetWarningsOptions): BudgetWarnings {
  const warned = createBoundedMap<true>(maxWarnings)
  return {
    check(owner, claims, used) {
      for (const [index, { budget, name, startMs, endMs, limit }] of claims.entries()) {
        const amount = used[index] ?? 0
        const key = JSON.stringify([owner, name, startMs])
        if (amount < warningShare * limit || warned.get(key) === true) continue
        warned.set(key, true)
        const detail = { event: 'budget.warning', owner, budget: name, used: amount, limit, resetsAt: new Date(endMs) }
        log.warn(detail, 'a caller has used 80 % of a budget, or more')
        onWarning?.(budget)
      }
    },
  }
}
