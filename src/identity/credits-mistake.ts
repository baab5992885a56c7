import type { CallerLimits } from '../separation/caller-limits.ts'

/**
 * Why budgets of credits cannot be counted; null if they can, or there are none.
 * @param unpriced the variables that lack a price of an enabled provider
 */
export function creditsMistake(callers: readonly CallerLimits[], unpriced: readonly string[]): string | null {
  const hasCredits = callers.some(({ budgets }) => budgets.some(({ kind }) => kind === 'credits'))
  if (!hasCredits || unpriced.length === 0) return null
  return `a credits budget needs a price for each type in ${unpriced.join(' and ')}`
}
