import type { Admission, OrderedTrack } from '../../separation/provider.ts'
import type { Refusal } from '../../separation/task/failure.ts'
import type { ApiKey } from './api-key.ts'

/** Admits no order that, as far as the gateway knows, no account can pay. */
export interface CreditGate {
  /** @param admit asks for a slot, which an order that cannot be paid does not take */
  admit(order: OrderedTrack, admit: () => Promise<Admission>): Promise<Admission>
  /** An admitted order is sent: from now on the account that it is sent with counts it. */
  sent(order: Pick<OrderedTrack, 'type'>): void
  /** Whether the account of the key can pay the order, as far as the gateway knows. */
  mayPay(key: ApiKey, order: Pick<OrderedTrack, 'type'>): boolean
}

export interface CreditGateOptions {
  /** The provider's name in messages to callers. */
  readonly displayName: string
  readonly keys: () => readonly ApiKey[]
  /** What an order costs, in credits. undefined: it is not known, so that any balance above 0 may pay it. */
  readonly priceOf: (type: OrderedTrack['type']) => number | undefined
}

/** Balances are floats, and so are sums of prices. */
const tolerance = 1e-6

/**
 * Never waits for a balance: an order asks for it in the background, at most once a minute, and goes on while it is not known. A
 * balance counts for a minute, so that an order is accepted again at most a minute after credits were added.
 */
export function createCreditGate({ displayName, keys, priceOf }: CreditGateOptions): CreditGate {
  /** What the orders cost that are admitted and not sent yet. */
  let held = 0

  function isEnough(left: number, price: number | undefined): boolean {
    return price === undefined ? left > 0 : left + tolerance >= price
  }

  /** Whether some account may pay the price, beside the orders that are admitted already. */
  function isPayable(price: number | undefined): boolean {
    const balances = keys().map(({ balance }) => balance)
    for (const balance of balances) void balance.read()
    const known = balances.flatMap((balance) => balance.left() ?? [])
    if (known.length < balances.length || balances.length === 0) return true
    const total = known.reduce((sum, left) => sum + left, 0)
    return known.some((left) => isEnough(left, price)) && isEnough(total - held, price)
  }

  function refused(): Admission {
    const message = `${displayName} has too few credits on the gateway's account for this order. It was not sent, so nothing was charged; the gateway's operator must add credits.`
    const refusal: Refusal = {
      reason: 'insufficient-credits',
      providerCode: null,
      message,
      retryable: false,
      retryAfterSeconds: null,
    }
    return { kind: 'not-admitted', wait: null, refusal }
  }

  function giveBack(price: number): void {
    held = Math.max(0, held - price)
  }

  async function admit(order: OrderedTrack, ask: () => Promise<Admission>): Promise<Admission> {
    const price = priceOf(order.type)
    if (!isPayable(price)) return refused()
    const admission = await ask()
    if (admission.kind === 'not-admitted') {
      const { wait } = admission
      if (wait === null) return admission
      return !isPayable(price)
        ? refused()
        : { ...admission, wait: { ...wait, until: (untilMs) => admit(order, () => wait.until(untilMs)) } }
    }
    // Others may have been admitted meanwhile.
    if (!isPayable(price)) {
      admission.release()
      return refused()
    }
    held += price ?? 0
    return {
      ...admission,
      release() {
        giveBack(price ?? 0)
        admission.release()
      },
    }
  }

  return {
    admit,
    sent: ({ type }) => giveBack(priceOf(type) ?? 0),
    mayPay({ balance }, { type }) {
      const left = balance.left()
      return left === null || isEnough(left, priceOf(type))
    },
  }
}
