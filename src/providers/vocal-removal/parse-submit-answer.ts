import { truncate, quoteLength, type Redact } from '../client/redact.ts'
import type { HttpAnswer } from '../client/http-answer.ts'
import { parseEnvelopeText } from './parse-envelope.ts'
import { parseTaskId } from './parse-task-id.ts'
import { createRefusal } from './create-refusal.ts'
import type { CodeMeaning, ProviderSpec } from './spec.ts'
import type { SubmitAnswer } from '../../separation/provider.ts'

/** The HTTP statuses that refuse a submit if the body has no readable code (`docs/providers.md, "Which layer counts"`). */
const statuses: Readonly<Record<number, CodeMeaning>> = {
  401: 'key-not-accepted',
  403: 'not-served',
  404: 'not-served',
  429: 'rate-limited',
}

/** The answer to a submit. */
export type ParsedSubmitAnswer =
  | Exclude<SubmitAnswer, { readonly kind: 'refused' }>
  | (Extract<SubmitAnswer, { readonly kind: 'refused' }> & {
      /** What the provider has against the key or its account. null: nothing, as far as the answer shows. */
      readonly keyProblem: KeyProblem | null
      /** Whether the provider itself names that problem, so that the same order may be sent with another key. */
      readonly mayUseNextKey: boolean
    })

export type KeyProblem = Extract<CodeMeaning, 'key-not-accepted' | 'insufficient-credits'>

/**
 * Reads the answer to a submit: the code in the body, or the HTTP status if there is none. An answer that is neither
 * accepted nor a definite refusal is unknown, because it says nothing about the charge. A task with an id that cannot be
 * stored was accepted nevertheless, and a refusal with the id of a task contradicts itself.
 */
export function parseSubmitAnswer(
  answer: HttpAnswer,
  { spec, redact, callbackUrl, nowMs }: { spec: ProviderSpec; redact: Redact; callbackUrl: string; nowMs: number },
): ParsedSubmitAnswer {
  // The missing body may have held a code, and a code outweighs the status.
  if (answer.body === null) return unknown(answer, answer.problem ?? 'its body could not be read')
  const body = parseEnvelopeText(answer.body)
  const code = body?.code ?? null
  if (code === 200) {
    const named = parseTaskId(body?.data)
    if (named.kind === 'none') return unknown(answer, 'the answer reports success but has no task id')
    return { kind: 'accepted', providerTaskId: named.kind === 'usable' ? named.id : null }
  }
  const providerMessage =
    body?.msg === null || body?.msg === undefined ? null : redact(body.msg, quoteLength, callbackUrl)
  const meaning = code === null ? statuses[answer.status] : meaningOf(spec, code, body?.msg ?? '')
  if (meaning === undefined) {
    return unknown(answer, code === null ? 'it has no readable code' : `code ${code}: ${providerMessage ?? ''}`)
  }
  if (parseTaskId(body?.data).kind !== 'none') return unknown(answer, 'the answer is a refusal, but has a task id')
  const retryAfterSeconds = parseRetryAfter(answer.retryAfter, nowMs)
  const keyProblem = meaning === 'key-not-accepted' || meaning === 'insufficient-credits' ? meaning : null
  return {
    kind: 'refused',
    keyProblem,
    // A status alone may be a proxy's, and one of 500 or more says that something has failed on the way.
    mayUseNextKey: keyProblem !== null && code !== null && answer.status < 500,
    refusal: createRefusal({
      spec,
      meaning,
      providerCode: code,
      providerMessage: providerMessage || null,
      retryAfterSeconds,
    }),
  }
}

const missing = /(record|track|audio|task|music|song|clip)\w*\W.*?(does ?n.?t exist|does not exist|not found)/i

/** Unknown ids are answered with `{"code":422,"msg":"Record does not exist"}` (`docs/providers.md, "Answers"`). */
function meaningOf(spec: ProviderSpec, code: number, msg: string): CodeMeaning | undefined {
  return code === 422 && missing.test(truncate(msg, quoteLength)) ? 'track-not-found' : spec.codes[code]
}

const maxRetryAfterSeconds = 24 * 60 * 60

/** Reads `Retry-After`, which holds seconds or a date, as seconds; null if it cannot be read. */
function parseRetryAfter(header: string | null, nowMs: number): number | null {
  if (header === null) return null
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : Math.ceil((Date.parse(header) - nowMs) / 1_000)
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 1), maxRetryAfterSeconds) : null
}

function unknown(answer: HttpAnswer, cause: string): ParsedSubmitAnswer {
  return { kind: 'unknown', cause: `HTTP ${answer.status}, ${cause}` }
}
