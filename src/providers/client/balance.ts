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
  /** The last answer; null if there is none yet. */
  last(): KnownBalance | null
  /** The balance, less what this gateway has ordered since. null: it was not read in the last minute, or could not be. */
  left(): number | null
  /** Subtracts an order that is sent. Returns what adds it again, for an order that was refused. */
  spend(credits: number): () => void
}

/** How long a balance is used, and how long a failed read is not repeated, in milliseconds. */
const keptMs = 60_000

/**
 * @param ask sends the provider's credits call; never rejects
 * @param onRead called after each answer
 */
export function createBalance(ask: () => Promise<CreditsAnswer>, onRead: () => void): Balance {
  let reading: { readonly balance: Promise<KnownBalance>; readonly untilMs: number } | null = null
  let last: KnownBalance | null = null
  let known: { left: number; readonly untilMs: number } | null = null

  async function readNow(untilMs: number): Promise<KnownBalance> {
    const answer = await ask()
    last = answer.kind === 'credits' ? { ...answer, readAtMs: Date.now() } : answer
    // Orders that are sent meanwhile may be in the balance already. If they are not, the provider itself refuses the next one.
    known = answer.kind === 'credits' ? { left: answer.credits, untilMs } : null
    onRead()
    return last
  }

  return {
    read() {
      if (reading === null || reading.untilMs <= performance.now()) {
        const untilMs = performance.now() + keptMs
        reading = { balance: readNow(untilMs), untilMs }
      }
      return reading.balance
    },
    last: () => last,
    left: () => (known === null || known.untilMs <= performance.now() ? null : known.left),
    spend(credits) {
      const from = known
      if (from !== null) from.left -= credits
      return () => {
        if (from !== null) from.left += credits
      }
    },
  }
}
