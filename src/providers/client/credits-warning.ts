import type { Log } from '../../runtime/log.ts'
import type { CreditBalance } from '../../separation/offer.ts'
import type { ProviderName } from '../../separation/task/provider-name.ts'

/** Warns once when the credits fall below what the operator wants to keep, and says when there are enough again. */
export interface CreditsWarning {
  /** @param balance null: it is not known, which changes nothing */
  note(balance: CreditBalance | null): void
  /** Whether there are too few. null: nobody knows, or no threshold is set. */
  isLow(): boolean | null
}

export interface CreditsWarningOptions {
  readonly provider: ProviderName
  /** In credits. null: no warning is wanted. Called at each reading, as it may be replaced. */
  readonly threshold: () => number | null
  readonly log: Pick<Log, 'info' | 'warn'>
}

export function createCreditsWarning({ provider, threshold, log }: CreditsWarningOptions): CreditsWarning {
  let last: number | null = null
  let hasWarned = false

  function isLow(): boolean | null {
    const least = threshold()
    return last === null || least === null ? null : last < least
  }

  return {
    isLow,
    note(balance) {
      if (balance === null) return
      last = balance.credits
      const detail = { provider, credits: last, threshold: threshold() }
      if (isLow() === true && !hasWarned) {
        hasWarned = true
        log.warn({ event: 'credits.low', ...detail }, 'the account has fewer credits than the operator wants to keep')
      }
      if (isLow() === false && hasWarned) {
        hasWarned = false
        log.info({ event: 'credits.enough', ...detail }, 'the account has enough credits again')
      }
    },
  }
}
