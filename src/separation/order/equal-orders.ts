import type { SeparateError } from '../errors.ts'
import { fingerprintOf, type SeparateInput } from './separate-input.ts'
import type { AnsweredOrder } from '../store.ts'
import type { Provider } from '../provider.ts'

/** An order on its way into the store. */
export interface OrderRequest {
  /** Whoever orders the same for the same owner, at the same provider, has the same track. */
  readonly track: string
  readonly owner: string
  readonly provider: Provider
  readonly input: SeparateInput
  /** How long it may wait for a slot, by performance.now(). */
  readonly waitUntilMs: number
}

export type OrderOutcome =
  | { readonly kind: 'placed'; readonly result: AnsweredOrder }
  /** `freeAtMs`: when there may be a slot, by performance.now(); null if waiting is not worth it. */
  | { readonly kind: 'refused'; readonly error: SeparateError; readonly freeAtMs: number | null }
  | { readonly kind: 'failed'; readonly error: unknown }

export type CreateOne = (order: OrderRequest) => Promise<OrderOutcome>

/**
 * Places equal orders one after the other: they would else all wait for one another in the database, each on a connection
 * of its own. What became of one answers those that came while it was under way, where nothing needs to be written for them.
 * Orders at other gateways are kept apart by the store.
 */
export function serializeEqualOrders(createOne: CreateOne): CreateOne {
  const underWay = new Map<string, Promise<readonly [OrderRequest, OrderOutcome]>>()

  return async function place(order) {
    const previous = underWay.get(order.track)
    const own = after(previous, order)
    underWay.set(order.track, own)
    const [, outcome] = await own
    if (underWay.get(order.track) === own) underWay.delete(order.track)
    return outcome
  }

  async function after(
    previous: Promise<readonly [OrderRequest, OrderOutcome]> | undefined,
    order: OrderRequest,
  ): Promise<readonly [OrderRequest, OrderOutcome]> {
    const known = previous === undefined ? null : answerFrom(await previous, order)
    if (known !== null) return known
    const outcome = await createOne(order).catch((error: unknown): OrderOutcome => ({ kind: 'failed', error }))
    return [order, outcome]
  }
}

/** What an earlier order and its outcome mean for an equal one that came before that outcome was there; null: nothing yet. */
function answerFrom(
  [earlier, outcome]: readonly [OrderRequest, OrderOutcome],
  order: OrderRequest,
): readonly [OrderRequest, OrderOutcome] | null {
  switch (outcome.kind) {
    case 'placed': {
      const { result } = outcome
      if (!answersKey(earlier.input, order.input)) return null
      // A key leads to its task however that ended; an order without one may need a new task.
      if (result.kind !== 'new' && earlier.input.idempotencyKey !== order.input.idempotencyKey) return null
      // The conflict is that of the key, which the later order may not have.
      if (result.kind === 'conflict' && order.input.idempotencyKey === null) return null
      const kind = result.kind === 'new' ? 'joined' : result.kind
      return [earlier, { kind: 'placed', result: { kind, task: result.task } }]
    }
    case 'refused':
      // The key of the later order may lead to a task already.
      if (!answersKey(earlier.input, order.input)) return null
      return outcome.freeAtMs === null || outcome.freeAtMs > order.waitUntilMs ? [earlier, outcome] : null
    case 'failed':
      return [earlier, outcome]
  }
}

/** Whether nothing is left to be written for the later order's key. */
function answersKey(earlier: SeparateInput, later: SeparateInput): boolean {
  if (later.idempotencyKey === null) return true
  return earlier.idempotencyKey === later.idempotencyKey && fingerprintOf(earlier) === fingerprintOf(later)
}
