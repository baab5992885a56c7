import type { CreditBalance } from '../../separation/offer.ts'
import type { KnownBalance } from './balance.ts'

/**
 * What all accounts have together. An account whose key the provider refuses pays nothing, so it does not count. null: the
 * sum is not known, because a balance could not be read, or because no key is accepted.
 */
export function totalCredits(balances: readonly KnownBalance[]): CreditBalance | null {
  if (balances.some(({ kind }) => kind === 'unreadable')) return null
  const known = balances.filter((balance) => balance.kind === 'credits')
  if (known.length === 0) return null
  return {
    credits: known.reduce((sum, { credits }) => sum + credits, 0),
    readAtMs: Math.min(...known.map(({ readAtMs }) => readAtMs)),
  }
}
