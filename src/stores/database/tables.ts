import type { Generated } from 'kysely'

/** `due_at` of what is due now: before everything that has a scheduled time. */
export const dueNow = 0

/** The tables for Kysely. Times are milliseconds since 1970. */
export interface Database {
  tasks: {
    id: string
    owner: string
    provider: string
    provider_task_id: string | null
    type: string | null
    status: string
    charge: string
    /** null for an adopted task: it answers no order. */
    music_task_id: string | null
    audio_id: string | null
    /** The caller's own text. Compared by bytes in every database, whatever its collation. */
    reference: string | null
    created_at: number
    revision: number
    /** When the next check is due; 0 means now, null never. */
    due_at: number | null
    /** When a callback last made the task due now; null if none did. */
    callback_at: number | null
    /** The end of the last lease. The lease is held while `due_at` has the same value. */
    lease_until: number | null
    /** The position of the task's last change; null for one that was last changed before positions were kept. Set by triggers. */
    changed_at: Generated<number | null>
    /** What the order has taken from budgets, as JSON; null if it claimed nothing. Never changes. */
    reserved: Generated<string | null>
    /** The whole task as JSON; the other columns exist for queries. */
    task: string
  }
  keys: {
    owner: string
    key: string
    fingerprint: string
    task_id: string
    created_at: number
    /** 1 once a caller has received the task for this key: the key keeps referring to it even if the order is refused later. */
    confirmed: number
  }
  callbacks: {
    id: string
    task_id: string
    received_at: number
    provider_task_id: string | null
    payload: string | null
    /** Lower ranks are deleted first if a task has too many: 0 no usable payload, 1 a payload, 2 a payload with stems. */
    rank: number
  }
  /** Facts of stem files, which are gathered again if they are lost. */
  stem_files: {
    task_id: string
    stem: string
    /** Identifies the provider's address of the file. */
    address: string
    size_bytes: number | null
    format: string | null
    duration_seconds: number | null
  }
  /** Waveforms of stem files, which are computed again if they are lost. */
  stem_peaks: {
    task_id: string
    stem: string
    address: string
    /** Bytes in base64; null for a file that cannot be decoded. */
    peaks: string | null
  }
  /** The work of the archive: see `ArchiveQueue`. */
  archive_jobs: {
    task_id: string
    /** When the task was completed, from which the deletion of its copies is counted. */
    completed_at: number
    /** When the work is due; 0 means now. null: there is none any more. */
    due_at: number | null
    /** The end of the last lease. The lease is held while `due_at` has the same value. */
    lease_until: Generated<number | null>
    attempts: number
  }
  /** What an owner has ordered in a day or month. A missing counter is counted anew from the tasks. */
  budgets: {
    owner: string
    /** See `BudgetCounter.name`. */
    name: string
    window_start: number
    used: number
  }
  /** Where messages are sent: see `WebhookEndpoint`. */
  webhook_endpoints: {
    id: string
    owner: string
    url: string
    created_at: number
    /** Since when every attempt has failed; null if the last one succeeded. */
    failing_since: Generated<number | null>
    /** Since when nothing is sent, and why; null while messages are sent. */
    paused_at: Generated<number | null>
    paused_why: Generated<string | null>
  }
  /** Which endpoints are told of a task. */
  task_webhooks: { task_id: string; endpoint_id: string }
  /** The messages that were not delivered yet: see `WebhookMessage`. */
  webhook_messages: {
    id: string
    endpoint_id: string
    owner: string
    type: string
    /** null for a message that is not about a task. */
    task_id: Generated<string | null>
    /** The task as it was then, as in `tasks.task`, or the data of another message as JSON. */
    content: string
    created_at: number
    /** When it is sent next; null: it is kept, and not sent. */
    due_at: number | null
    /** The end of the last lease. The lease is held while `due_at` has the same value. */
    lease_until: Generated<number | null>
    failures: number
    last_answer: Generated<string | null>
  }
  secrets: { name: string; value: string }
  /** The providers that get no new orders because the operator has paused them. */
  paused_providers: {
    provider: string
    /** The operator's own text; null if none was given. */
    reason: string | null
    paused_at: number
  }
  /** When the gateways last let callers in. */
  callers: {
    owner: string
    /** Which of the caller's keys, see `CallerUse`; empty for a caller without keys. */
    credential: string
    last_used_at: number
  }
  /** What is left of deleted tasks. Nothing is ever deleted here. */
  tombstones: {
    /** A hash of what it stands for. */
    mark: string
    charge: string
    /** When the task was ordered, in days since 1970. */
    day: number
  }
  /** See `WorkLeases`. */
  leases: {
    name: string
    until: number
  }
}
