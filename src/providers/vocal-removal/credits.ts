import type { CreditsAnswer } from '../client/balance.ts'
import type { HttpAnswer } from '../client/http-answer.ts'
import { parseEnvelopeText } from './parse-envelope.ts'

/** Reads the answer to a credits call (`docs/providers.md, "Credits"`). */
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
