import type { BudgetClaim } from './budget-reader.ts'
import type { WebhookDraft } from './webhook-queue.ts'
import type { Charge, Task } from '../task/task.ts'
import type { WebhookEndpoint } from '../webhooks/webhook-endpoint.ts'

/** An idempotency key of one caller, and the order that it was first used for. */
export interface IdempotencyKey {
  readonly owner: string
  readonly key: string
  /** Identifies the input of the order. The same key with another fingerprint is a conflict. */
  readonly fingerprint: string
}

/** What is left of a deleted task, so that nothing is paid for twice. It names nobody and nothing. */
export interface Tombstone {
  readonly charge: Charge
  /** The day on which it was ordered: its beginning, in milliseconds since 1970. */
  readonly orderedAtMs: number
}

/** An order to store, or to answer by an earlier task. Times are milliseconds since 1970. */
export interface NewOrder {
  readonly task: Task
  readonly key: IdempotencyKey | null
  readonly dueAtMs: number
  /**
   * Whether an earlier task for the same track answers the order; null if the order needs a task of its own. The newest
   * task that does is joined. Not called for refused tasks.
   */
  readonly canJoin: ((earlier: Task) => boolean) | null
  /** Whether the order may be inserted if no earlier task answers it. */
  readonly isAdmitted: boolean
  /** At most one claim on each counter. Default: none. */
  readonly claims?: readonly BudgetClaim[]
  /** The endpoint that is told of the task, also of one that answers the order: of that at once, if it is settled. */
  readonly webhook?: WebhookEndpoint | undefined
  /** The messages that an inserted order causes. `used`: what each counter has with it, in the order of the claims. */
  readonly messages?: (used: readonly number[]) => readonly WebhookDraft[]
}

export type OrderResult =
  | {
      readonly kind: 'new'
      readonly task: Task
      /** What each counter has with this order, in the order of its claims. Missing without claims, and if an earlier attempt stored it. */
      readonly used?: readonly number[]
    }
  /** An earlier task answers the order. */
  | { readonly kind: 'joined'; readonly task: Task }
  /** The key was used before with another input. */
  | { readonly kind: 'conflict'; readonly task: Task }
  /** The key was used for an order whose task was deleted. Nothing may be ordered with it again. */
  | { readonly kind: 'deleted'; readonly tombstone: Tombstone }
  /** No task answers the order, and it was not admitted. */
  | { readonly kind: 'not-admitted' }
  /** No task answers the order, and this claim would take more than its budget has left. */
  | { readonly kind: 'over-budget'; readonly claim: number; readonly used: number }

/** The order is answered by a task. */
export type AnsweredOrder = Exclude<OrderResult, { readonly kind: 'deleted' | 'not-admitted' | 'over-budget' }>

/** Creates the tasks of orders. */
export interface OrderWriter {
  /**
   * Finds the task that answers an order, by key or by track, or inserts `task` if the order is admitted, with its first
   * check at `dueAtMs`. A key of a refused order leads to no task, unless it was confirmed. A key that leads to a queued
   * order is confirmed at once. An order that is not admitted yet takes no lock, unless its key has to be stored.
   *
   * An inserted task takes what its order claims from the owner's budgets in the same write, or is not inserted. `replace`
   * gives it back when the order turns out not to be charged.
   */
  createOrder(order: NewOrder): Promise<OrderResult>
  /** Makes a key lead to the task for good, even if the provider refuses the order after all. */
  confirmKey(task: Task, key: string): Promise<void>
}
