import type { CreditBalance } from '../../separation/offer.ts'
import type { HttpAnswer } from '../client/http-answer.ts'
import { parseEnvelopeText } from './parse-envelope.ts'

/** The answer to a provider's credits call, which also shows whether it accepts the API key. */
export type CreditsAnswer =
  | { readonly kind: 'credits'; readonly credits: number }
  | { readonly kind: 'key-not-accepted' }
  | { readonly kind: 'unreadable'; readonly cause: string }

export function parseCredits({ status, body, problem }: HttpAnswer): CreditsAnswer {
  const envelope = body === null ? null : parseEnvelopeText(body)
  const code = envelope?.code ?? null
  if (code === 200 && typeof envelope?.data === 'number') return { kind: 'credits', credits: envelope.data }
  if (code === 401 || (code === null && status === 401)) return { kind: 'key-not-accepted' }
  return {
    kind: 'unreadable',
    cause: `HTTP ${status}, ${code === null ? (problem ?? 'no readable code') : `code ${code}`}`,
  }
}

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
      const answer = parseCredits(await get())
      return answer.kind === 'credits' ? { credits: answer.credits, readAtMs: Date.now() } : null
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
