import { setMaxListeners } from 'node:events'
import { describeError } from '../../runtime/describe-error.ts'
import type { ProviderOrder } from '../../separation/provider.ts'
import type { ApiKey } from '../client/api-key.ts'
import type { ApiKeys } from '../client/api-keys.ts'
import type { HttpAnswer } from '../client/http-answer.ts'
import { notSentRefusal } from '../client/not-sent-refusal.ts'
import { postOnce } from '../client/post-once.ts'
import { messageLength, type Redact } from '../client/redact.ts'
import type { SubmitGate } from '../client/submit-gate.ts'
import type { Job } from './job.ts'
import { parseEnvelopeText } from './parse-envelope.ts'
import type { ParsedSubmitAnswer } from './parse-submit-answer.ts'
import type { ProviderOutages } from './provider-outages.ts'
import type { RequestParts } from './request-parts.ts'
import type { ProviderSpec } from './spec.ts'

export interface SendOrderOptions {
  readonly spec: ProviderSpec
  readonly job: Job
  readonly parts: RequestParts
  readonly keys: Pick<ApiKeys, 'isInUse'>
  readonly gate: Pick<SubmitGate, 'report'>
  readonly outages: Pick<ProviderOutages, 'reachability'>
  readonly redact: Redact
  /** In milliseconds. */
  readonly timeouts: { readonly connectMs: number; readonly submitMs: number }
}

/** Sends orders, each of which the provider charges for if it accepts it. */
export interface SendOrder {
  /** Sends one order with a key: one request, which nothing repeats. Never rejects. */
  send(key: ApiKey, order: ProviderOrder): Promise<ParsedSubmitAnswer>
  /** Ends running requests: their answers are unknown. */
  close(): void
}

export function createSendOrder(options: SendOrderOptions): SendOrder {
  const { spec, job, parts, keys, gate, outages, redact, timeouts } = options
  const closing = new AbortController()
  // Each running submit adds one listener.
  setMaxListeners(0, closing.signal)

  async function sendOnce(key: ApiKey, order: ProviderOrder): Promise<ParsedSubmitAnswer> {
    const { callbackUrl } = order
    let url: URL
    try {
      url = parts.urlOf(job.paths.submit)
    } catch (error) {
      return unreachable(describeError(error))
    }
    const sent = await postOnce({
      url,
      headers: parts.headersWith(key.text, order.trace),
      body: job.submitBody(order),
      connectTimeoutMs: timeouts.connectMs,
      answerTimeoutMs: timeouts.submitMs,
      signal: closing.signal,
    })
    gate.report(order, { hasAnswered: sent.kind === 'answered' && isProviderAnswer(sent.answer) })
    if (sent.kind === 'not-sent') return unreachable(sent.cause)
    if (sent.kind === 'answered') outages.reachability.worked()
    if (sent.kind === 'no-answer') return { kind: 'unknown', cause: redact(sent.cause, messageLength, callbackUrl) }
    return job.parseSubmitAnswer(sent.answer, { spec, redact, callbackUrl, nowMs: Date.now() })
  }

  function unreachable(cause: string): ParsedSubmitAnswer {
    outages.reachability.failed({ cause: redact(cause, messageLength) })
    const message = `${spec.displayName} cannot be reached. Nothing was sent, so nothing was charged; try again later.`
    return { kind: 'refused', refusal: notSentRefusal(message, true), keyProblem: null, mayUseNextKey: false }
  }

  /** Notes what the answer shows of the key. Refusals that only the operator can fix are outages. */
  function noteKey(key: ApiKey, answer: ParsedSubmitAnswer): void {
    if (!keys.isInUse(key)) return
    const { orderRefusals, creditShortage } = key
    switch (answer.kind) {
      case 'accepted':
        orderRefusals.worked()
        creditShortage.worked()
        return key.takeBack()
      case 'refused': {
        const { reason, retryable, providerCode, message } = answer.refusal
        if (reason !== 'unavailable') orderRefusals.worked()
        else if (!retryable) orderRefusals.failed({ providerCode, cause: message })
        if (reason === 'insufficient-credits') creditShortage.failed({ providerCode })
        if (answer.keyProblem !== null) key.setAside()
        return
      }
      case 'unknown':
    }
  }

  return {
    async send(key, order) {
      const answer = await sendOnce(key, order).catch((error: unknown): ParsedSubmitAnswer => ({
        kind: 'unknown',
        cause: redact(describeError(error), messageLength, order.callbackUrl),
      }))
      noteKey(key, answer)
      return answer
    },
    close: () => closing.abort(),
  }
}

/** Whether the provider itself answered, and not a proxy that cannot reach it. */
function isProviderAnswer({ status, body }: HttpAnswer): boolean {
  const code = body === null ? null : (parseEnvelopeText(body)?.code ?? null)
  return code !== null || status < 500
}
