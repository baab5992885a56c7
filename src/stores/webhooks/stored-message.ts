import type { Kysely } from 'kysely'
import { isSingleTaskError } from '../../separation/errors.ts'
import type { WebhookMessage, WebhookType } from '../../separation/store/webhook-queue.ts'
import type { Database } from '../database/tables.ts'
import { parseStoredTask } from '../task/stored-task.ts'

const types = ['separation.settled', 'separation.updated', 'budget.warning'] as const satisfies readonly WebhookType[]

/** Begins a query for messages, with their endpoints. */
export function selectMessages(db: Kysely<Database>) {
  return db
    .selectFrom('webhook_messages')
    .innerJoin('webhook_endpoints', 'webhook_endpoints.id', 'webhook_messages.endpoint_id')
    .select([
      'webhook_messages.id',
      'webhook_messages.type',
      'webhook_messages.task_id',
      'webhook_messages.content',
      'webhook_messages.created_at',
      'webhook_messages.due_at',
      'webhook_messages.failures',
      'webhook_messages.last_answer',
      'webhook_endpoints.id as endpoint_id',
      'webhook_endpoints.owner',
      'webhook_endpoints.url',
      'webhook_endpoints.paused_at',
    ])
}

interface MessageRow {
  readonly id: string
  readonly type: string
  readonly task_id: string | null
  readonly content: string
  readonly created_at: number
  readonly failures: number
  readonly endpoint_id: string
  readonly owner: string
  readonly url: string
  readonly paused_at: number | null
}

/** The message of a row; empty if its task cannot be read. */
export function messageOf(row: MessageRow): readonly WebhookMessage[] {
  try {
    return [
      {
        id: row.id,
        endpoint: { id: row.endpoint_id, owner: row.owner, url: row.url },
        isPaused: row.paused_at !== null,
        type: typeOf(row.type),
        createdAtMs: row.created_at,
        content:
          row.task_id === null
            ? { kind: 'data', data: row.content }
            : { kind: 'task', task: parseStoredTask(row.content) },
        failures: row.failures,
      },
    ]
  } catch (error) {
    if (isSingleTaskError(error)) return []
    throw error
  }
}

/** A type that a newer version added is told as an update. */
export function typeOf(text: string): WebhookType {
  return types.find((each) => each === text) ?? 'separation.updated'
}
