import type { Trace } from '../../runtime/trace.ts'
import type { CallerLimits } from '../caller-limits.ts'
import type { Provider } from '../provider.ts'
import type { AnsweredOrder } from '../store/order-writer.ts'
import type { WebhookEndpoint } from '../webhooks/webhook-endpoint.ts'
import type { OrderRefusal } from './order-refusal.ts'
import { fingerprintOf, type SeparateInput } from './separate-input.ts'

/** An order that is about to be stored. */
export interface OrderRequest {
  /** Equal for orders of the same owner, provider, type and track. */
  readonly track: string
  readonly owner: string
  readonly provider: Provider
  readonly input: SeparateInput
  readonly limits: CallerLimits
  /** The endpoint that is told of the task; undefined: none. */
  readonly webhook: WebhookEndpoint | undefined
  /** Whether the order is queued if the provider's rate is used up. Else it waits for a slot, and is refused. */
  readonly mayQueue: boolean
  readonly trace: Trace | null
  /** How long it may wait for a slot at the provider, by performance.now(). */
  readonly waitUntilMs: number
}

export type OrderOutcome =
  | { readonly kind: 'placed'; readonly result: AnsweredOrder }
  /** `freeAtMs`: when a slot may be free, by performance.now(); null if there is no use in waiting. */
  | { readonly kind: 'refused'; readonly refusal: OrderRefusal; readonly freeAtMs: number | null }
  | { readonly kind: 'failed'; readonly error: unknown }

export type CreateOne = (order: OrderRequest) => Promise<OrderOutcome>

/**
 * Creates equal orders one after the other. Otherwise each of them would hold a database connection while it waits for the
 * track's lock. The outcome of one order answers the equal orders that arrived meanwhile, unless something has to be stored
 * for them. Equal orders at other gateways are serialized by the store.
 */
export function serializeEqualOrders(createOne: CreateOne): CreateOne {
  const underWay = new Map<string, Promise<readonly [OrderRequest, OrderOutcome]>>()

  return async function create(order) {
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
    const shared = previous === undefined ? null : sharedOutcome(await previous, order)
    if (shared !== null) return shared
    const outcome = await createOne(order).catch((error: unknown): OrderOutcome => ({ kind: 'failed', error }))
    return [order, outcome]
  }
}

/** The outcome of an earlier equal order, if it answers this order as well; else null. */
function sharedOutcome(
  [earlier, outcome]: readonly [OrderRequest, OrderOutcome],
  order: OrderRequest,
): readonly [OrderRequest, OrderOutcome] | null {
  switch (outcome.kind) {
    case 'placed': {
      const { result } = outcome
      if (!isKeyStored(earlier.input, order.input) || !isWebhookStored(earlier, order)) return null
      // A key leads to its task even if that failed; an order without a key may need a new task.
      if (result.kind !== 'new' && earlier.input.idempotencyKey !== order.input.idempotencyKey) return null
      // The conflict belongs to the key, which this order may not have.
      if (result.kind === 'conflict' && order.input.idempotencyKey === null) return null
      const kind = result.kind === 'new' ? 'joined' : result.kind
      return [earlier, { kind: 'placed', result: { kind, task: result.task } }]
    }
    case 'refused':
      if (order.mayQueue && !earlier.mayQueue) return null
      // Another credential of the caller may have another budget.
      if (outcome.refusal.kind === 'budget-exceeded') return null
      // The deleted task was that of the key, which this order may not have.
      if (outcome.refusal.kind === 'task-deleted' && order.input.idempotencyKey === null) return null
      // The key of this order may already lead to a task.
      if (!isKeyStored(earlier.input, order.input)) return null
      return outcome.freeAtMs === null || outcome.freeAtMs > order.waitUntilMs ? [earlier, outcome] : null
    case 'failed':
      return [earlier, outcome]
  }
}

/** Whether storing the earlier order has stored the later order's endpoint, or the later one has none. */
function isWebhookStored(earlier: OrderRequest, { webhook }: OrderRequest): boolean {
  return webhook === undefined || earlier.webhook?.id === webhook.id
}

/** Whether storing the earlier order has stored the later order's key, or the later one has none. */
function isKeyStored(earlier: SeparateInput, later: SeparateInput): boolean {
  if (later.idempotencyKey === null) return true
  return earlier.idempotencyKey === later.idempotencyKey && fingerprintOf(earlier) === fingerprintOf(later)
}
