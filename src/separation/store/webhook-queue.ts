import type { DueQueue } from './due-queue.ts'
import type { Task } from '../task/task.ts'
import type { ToldChange } from '../webhooks/told-change.ts'
import type { WebhookEndpoint } from '../webhooks/webhook-endpoint.ts'

export type WebhookType = ToldChange | 'budget.warning'

/** A message that is not about a task. Of equal ids the first is kept. */
export interface WebhookDraft {
  /** Equal for equal messages: receivers know a repeated message by it. */
  readonly id: string
  readonly endpoint: WebhookEndpoint
  readonly type: Exclude<WebhookType, ToldChange>
  /** The `data` of the message, as JSON. */
  readonly data: string
  /** In milliseconds since 1970. */
  readonly createdAtMs: number
}

/** A message to send. Times are milliseconds since 1970. */
export interface WebhookMessage {
  readonly id: string
  readonly endpoint: WebhookEndpoint
  /** Whether nothing is sent to the endpoint now. */
  readonly isPaused: boolean
  readonly type: WebhookType
  readonly createdAtMs: number
  /** The task as it was when the message was stored, or the data of another message, as JSON. */
  readonly content: { readonly kind: 'task'; readonly task: Task } | { readonly kind: 'data'; readonly data: string }
  /** How many attempts have failed. */
  readonly failures: number
}

/** Whether a message may be sent now. Called once for each candidate, those that are due longest first. */
export type ChooseMessage = (candidate: { readonly endpointId: string; readonly owner: string }) => boolean

/** Which messages to lease. */
export interface WebhookRoom {
  /** The ids of endpoints, and the owners, that are sent nothing more now: their messages are no candidates. */
  readonly full: { readonly endpointIds: readonly string[]; readonly owners: readonly string[] }
  /** Called at the beginning of each run of the transaction. */
  readonly newChoice: () => ChooseMessage
}

export interface LeasedMessages {
  readonly messages: readonly WebhookMessage[]
  /** Whether other messages are due as well. */
  readonly hasMore: boolean
}

/** Why nothing is sent to an endpoint. */
export type PauseReason = 'gone' | 'failing'

/** What waits for all endpoints together. */
export interface WebhookBacklog {
  /** Messages that are due or will be tried again. */
  readonly waiting: number
  /** When the oldest of these was stored, in milliseconds since 1970; null if there is none. */
  readonly oldestAtMs: number | null
  /** Messages that are kept and not sent: their endpoint is paused, or every attempt has failed. */
  readonly held: number
  readonly pausedEndpoints: number
}

/** Stores messages until they are delivered, and leases them to gateways. An item's id is that of the message. */
export interface WebhookQueue extends Omit<DueQueue<WebhookMessage>, 'leaseDue'> {
  /** As `DueQueue.leaseDue`, of the messages that `room` admits. */
  leaseDue(nowMs: number, leaseUntilMs: number, limit: number, room: WebhookRoom): Promise<LeasedMessages>
  /** Deletes a message that was delivered. The endpoint does not fail any more. */
  delivered(message: Pick<WebhookMessage, 'id' | 'endpoint'>): Promise<void>
  /**
   * Counts a failed attempt. Resolves to since when every attempt to the endpoint has failed, in milliseconds since 1970.
   * @param answer what came of the attempt, in few words and without a secret
   */
  failed(message: Pick<WebhookMessage, 'id' | 'endpoint'>, answer: string, atMs: number): Promise<number>
  /** Sends nothing more to the endpoint. Its messages are kept. Resolves to false if it was paused already. */
  pause(endpointId: string, why: PauseReason, atMs: number): Promise<boolean>
  backlog(): Promise<WebhookBacklog>
  /** Deletes up to `limit` messages that were stored before this time and are not sent any more. Resolves to their number. */
  deleteHeld(beforeMs: number, limit: number): Promise<number>
  /** Ends all leases: their messages are due at once. Only for a database that no other gateway uses. */
  releaseAllLeases(): Promise<void>
}
