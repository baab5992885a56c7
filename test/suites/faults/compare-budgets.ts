import type { Breach, Evidence } from './evidence.ts'

/**
 * No caller is charged for more orders than its budget allows, its counter is the number of its orders that may be charged, and
 * no order is refused that the budget allows.
 */
export function* countedWrongly({ ledger, callers, orders }: Evidence): Generator<Breach> {
  for (const { name, tasks, budget } of callers) {
    if (budget === null) continue
    const { limit, used } = budget
    // An order counts until it is known not to be charged.
    const counted = tasks.filter(({ charge, settled }) => charge !== 'NONE' || !settled).length
    const own = orders.filter(({ order }) => order.caller?.name === name)
    const tracks = new Set(own.map(({ order }) => order.audioId))
    const charges = ledger.filter(({ audioId }) => tracks.has(audioId)).length
    if (Math.max(charges, counted) > limit) {
      yield {
        kind: 'budgets passed',
        detail: `${name}: ${charges} charges and ${counted} tasks that count, of ${limit}`,
      }
    }
    if (used !== null && used !== counted) {
      yield {
        kind: 'contradictions',
        detail: `the budget of ${name} counts ${used} orders, and ${counted} tasks count`,
      }
    }
    // A task that was refused by the provider has counted for a while.
    const refused = own.filter(({ ended }) => ended.kind === 'refused' && ended.error === 'BudgetExceededError')
    if (refused.length > 0 && tasks.length < limit) {
      const detail = `${name}: ${refused.length} orders were refused, with only ${tasks.length} tasks of ${limit}`
      yield { kind: 'contradictions', detail }
    }
  }
}
