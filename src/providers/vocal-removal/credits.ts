import type { CreditBalance } from '../../separation/offer.ts'
import type { HttpAnswer } from '../client/http-answer.ts'
import { parseEnvelopeText } from './parse-envelope.ts'

/** How long a balance is used, and how long a failed read is not repeated, in milliseconds. */
const keptMs = 60_000

/**
 * Reads the balance at most once a minute, however many ask.
 * @param get sends the request of the provider's credits call (docs/providers.md, "Credits"); may reject
 */
export function createReadCredits(get: () => Promise<HttpAnswer>): () => Promise<CreditBalance | null> {
  let last: { readonly balance: Promise<CreditBalance | null>; readonly untilMs: number } | null = null

  async function read(): Promise<CreditBalance | null> {
    try {
      const { body } = await get()
      const envelope = body === null ? null : parseEnvelopeText(body)
      if (envelope?.code !== 200 || typeof envelope.data !== 'number') return null
      return { credits: envelope.data, readAtMs: Date.now() }
    } catch {
      return null
    }
  }

  return function readCredits() {
    if (last === null || last.untilMs <= performance.now()) {
      last = { balance: read(), untilMs: performance.now() + keptMs }
    }
    return last.balance
  }
}
