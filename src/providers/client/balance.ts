import type { CreditBalance } from '../../separation/offer.ts'

/** The answer to a provider's credits call, which also shows whether it accepts the API key. */
export type CreditsAnswer =
  | { readonly kind: 'credits'; readonly credits: number }
  | { readonly kind: 'key-not-accepted' }
  | { readonly kind: 'unreadable'; readonly cause: string }

/** What the provider answered when it was asked for a balance, at most a minute ago. */
export type KnownBalance =
  Exclude<CreditsAnswer, { readonly kind: 'credits' }> | ({ readonly kind: 'credits' } & CreditBalance)

/** The balance of the account of one API key. */
export interface Balance {
  /** Asks at most once a minute, however many want to know. Never rejects. */
  read(): Promise<KnownBalance>
}

/** How long a balance is used, and how long a failed read is not repeated, in milliseconds. */
const keptMs = 60_000

/** @param ask sends the provider's credits call; never rejects */
export function createBalance(ask: () => Promise<CreditsAnswer>): Balance {
  let last: { readonly balance: Promise<KnownBalance>; readonly untilMs: number } | null = null

  async function readNow(): Promise<KnownBalance> {
    const answer = await ask()
    return answer.kind === 'credits' ? { ...answer, readAtMs: Date.now() } : answer
  }

  return {
    read() {
      if (last === null || last.untilMs <= performance.now()) {
        last = { balance: readNow(), untilMs: performance.now() + keptMs }
      }
      return last.balance
    },
  }
}
