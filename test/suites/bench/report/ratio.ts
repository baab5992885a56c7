import { median } from '../latency.ts'
import type { Goal, Result } from './result.ts'

/**
 * The median of the ratios of each round, so that what slows a whole round counts on neither side; null if there is nothing
 * to divide.
 */
export function medianRatio(values: readonly number[], others: readonly number[]): number | null {
  const ratios = values.flatMap((value, round) => {
    const other = others[round]
    return other === undefined || other === 0 ? [] : [value / other]
  })
  return ratios.length === 0 ? null : median(ratios)
}

/** The value that the goal of a result bounds; null if it was not measured. */
export function valueOfGoal({ gateway, limit }: Pick<Result, 'gateway' | 'limit'>, goal: Goal): number | null {
  if (goal.of === 'ratio') return limit === null ? null : medianRatio(gateway, limit.rounds)
  return gateway.length === 0 ? null : median(gateway)
}

/** Whether the result reaches its goal; null if there is no goal, or no value. */
export function isReached(result: Result): boolean | null {
  if (result.goal === null) return null
  const value = valueOfGoal(result, result.goal)
  if (value === null) return null
  return result.goal.bound === 'at least' ? value >= result.goal.value : value <= result.goal.value
}
