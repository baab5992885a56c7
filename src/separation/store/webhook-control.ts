import type { WebhookEndpoint } from '../webhooks/webhook-endpoint.ts'
import type { PauseReason, WebhookType } from './webhook-queue.ts'

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

/** The messages of a replay. */
export interface ReplayCounts {
  /** Those that are sent at once. */
  readonly sent: number
  /** Those that wait, because their endpoint is paused. */
  readonly held: number
}

/** What the operator sees of webhooks, and does about them. */
export interface WebhookControl {
  /** The endpoints, those with undelivered messages first; of one owner, or of all (null). At most `limit`. */
  endpoints(owner: string | null, limit: number): Promise<readonly WebhookEndpointStatus[]>
  /** The messages that were not delivered yet, oldest first; of one owner, or of all (null). At most `limit`. */
  undelivered(owner: string | null, limit: number): Promise<readonly UndeliveredMessage[]>
  /**
   * Sends to the endpoint again: all of its messages are due at once, also those of which every attempt has failed. Resolves to
   * their number; null if there is no such endpoint.
   */
  resume(endpointId: string, nowMs: number): Promise<number | null>
  /** How many messages `resume` would make due; null if there is no such endpoint. */
  countUndelivered(endpointId: string): Promise<number | null>
  /**
   * Tells the settled tasks of the selection again, as they are now, to each of their endpoints. A message about a revision
   * has the same id each time.
   */
  replay(selection: ReplaySelection, nowMs: number): Promise<ReplayCounts>
  /** What `replay` would do. */
  countReplayed(selection: ReplaySelection): Promise<ReplayCounts>
}
