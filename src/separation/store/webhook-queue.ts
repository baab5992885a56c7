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

/** An endpoint and what waits for it. Times are milliseconds since 1970. */
export interface WebhookEndpointStatus {
  readonly endpoint: WebhookEndpoint
  /** Since when every attempt has failed; null if the last one succeeded. */
  readonly failingSinceMs: number | null
  readonly paused: { readonly atMs: number; readonly why: PauseReason } | null
  /** The messages that were not delivered yet. */
  readonly undelivered: number
  /** When the oldest of them was stored; null if there is none. */
  readonly oldestAtMs: number | null
}

/** A message that was not delivered yet. Times are milliseconds since 1970. */
export interface UndeliveredMessage {
  readonly id: string
  readonly endpoint: WebhookEndpoint
  readonly type: WebhookType
  /** null: the message is not about a task. */
  readonly taskId: string | null
  readonly createdAtMs: number
  /** When it is sent next; null: not before the endpoint is resumed or the message is replayed. */
  readonly dueAtMs: number | null
  readonly failures: number
  /** What came of the last attempt; null if there was none, or none since a replay. */
  readonly lastAnswer: string | null
}

/** Which tasks to tell again. */
export type ReplaySelection =
  | { readonly taskId: string }
  /** All that were last changed at this time or later, in milliseconds since 1970. */
  | { readonly owner: string; readonly sinceMs: number }

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
  /**
   * Sends to the endpoint again: all of its messages are due at once, also those of which every attempt has failed. Resolves to
   * their number; null if there is no such endpoint.
   */
  resume(endpointId: string, nowMs: number): Promise<number | null>
  /** How many messages `resume` would make due; null if there is no such endpoint. */
  countUndelivered(endpointId: string): Promise<number | null>
  /**
   * Tells the settled tasks of the selection again, as they are now, to each of their endpoints. A message about a revision
   * has the same id each time. Resolves to the number of messages.
   */
  replay(selection: ReplaySelection, nowMs: number): Promise<number>
  /** How many messages `replay` would send. */
  countReplayed(selection: ReplaySelection): Promise<number>
  /** The endpoints, those with undelivered messages first; of one owner, or of all (null). At most `limit`. */
  endpoints(owner: string | null, limit: number): Promise<readonly WebhookEndpointStatus[]>
  /** The messages that were not delivered yet, oldest first; of one owner, or of all (null). At most `limit`. */
  undelivered(owner: string | null, limit: number): Promise<readonly UndeliveredMessage[]>
  backlog(): Promise<WebhookBacklog>
  /** Deletes up to `limit` messages that were stored before this time and are not sent any more. Resolves to their number. */
  deleteHeld(beforeMs: number, limit: number): Promise<number>
  /** Ends all leases: their messages are due at once. Only for a database that no other gateway uses. */
  releaseAllLeases(): Promise<void>
}
