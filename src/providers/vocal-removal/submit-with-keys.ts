import type { Log } from '../../runtime/log.ts'
import { traceDetail } from '../../runtime/trace.ts'
import type { ProviderOrder, SubmitAnswer } from '../../separation/provider.ts'
import type { ApiKey } from '../client/api-key.ts'
import type { ApiKeys } from '../client/api-keys.ts'
import type { CreditGate, CreditGateOptions } from '../client/credit-gate.ts'
import { notSentRefusal } from '../client/not-sent-refusal.ts'
import type { SendOrder } from './send-order.ts'
import type { ProviderSpec } from './spec.ts'

export interface SubmitWithKeysOptions {
  readonly spec: Pick<ProviderSpec, 'name' | 'displayName'>
  readonly keys: Pick<ApiKeys, 'forOrders' | 'isInUse'>
  readonly credits: Pick<CreditGate, 'mayPay' | 'sent'>
  /** What an order costs, in credits. */
  readonly priceOf: CreditGateOptions['priceOf']
  readonly sending: Pick<SendOrder, 'send'>
  /** Called when the provider has accepted an order. */
  readonly onAccepted: (providerTaskId: string, key: ApiKey) => void
  readonly log: Pick<Log, 'info'>
  /** How long after its first request an order may be sent with another key, in milliseconds. */
  readonly nextKeyMs: number
}

type Refused = Extract<SubmitAnswer, { readonly kind: 'refused' }>

/**
 * Creates the submit of an order with several keys. Each key is used for one request at most. The next one is used only if the
 * provider has soon refused the key before it, in words that prove that nothing was charged. After any other answer, and after
 * none, nothing is sent again.
 */
export function createSubmitWithKeys({
  spec,
  keys,
  credits,
  priceOf,
  sending,
  onAccepted,
  log,
  nextKeyMs,
}: SubmitWithKeysOptions) {
  return async function submit(order: ProviderOrder): Promise<SubmitAnswer> {
    const candidates = keys.forOrders((key) => credits.mayPay(key, order))
    credits.sent(order)
    const nameOf = (position: number) => (candidates.length > 1 ? { key: position } : {})
    const refused: Refused[] = []
    const nextKeyUntilMs = performance.now() + nextKeyMs
    for (const [index, key] of candidates.entries()) {
      if (!keys.isInUse(key)) continue
      const giveBack = key.balance.spend(priceOf(order.type) ?? 0)
      const answer = await sending.send(key, order)
      if (answer.kind === 'accepted' && answer.providerTaskId !== null) onAccepted(answer.providerTaskId, key)
      if (answer.kind !== 'refused') return { ...answer, ...nameOf(key.position) }
      giveBack()
      refused.push({ kind: 'refused', refusal: answer.refusal, ...nameOf(key.position) })
      if (!answer.mayUseNextKey || performance.now() >= nextKeyUntilMs) break
      if (candidates.slice(index + 1).some(keys.isInUse)) {
        const detail = { event: 'order.next-key', provider: spec.name, key: key.position, reason: answer.keyProblem }
        log.info(
          { ...detail, ...traceDetail(order.trace) },
          'an order was refused for its API key: the next key is used',
        )
      }
    }
    return mostTelling(refused) ?? off(spec)
  }
}

/**
 * The refusal that tells most. An account without credits may be the one that knows the track, so that no other account
 * can tell whether there is such a track.
 */
function mostTelling(refused: readonly Refused[]): Refused | undefined {
  const last = refused.at(-1)
  const isWeak =
    last?.refusal.reason === 'track-not-found' ||
    (last?.refusal.retryable === false && last.refusal.reason === 'unavailable')
  return (isWeak ? refused.find(({ refusal }) => refusal.reason === 'insufficient-credits') : undefined) ?? last
}

function off({ displayName }: Pick<ProviderSpec, 'displayName'>): SubmitAnswer {
  const message = `${displayName} is off at this gateway. Choose another provider.`
  return { kind: 'refused', refusal: notSentRefusal(message, false) }
}
