import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { ReplayCounts, ReplaySelection, WebhookControl } from '../../separation/store/webhook-control.ts'
import type { PauseReason } from '../../separation/store/webhook-queue.ts'
import type { DatabaseTraits } from '../database/database-traits.ts'
import { firstRowOf, rowsOf, rowsWrittenBy, type Job } from '../database/job.ts'
import type { Database } from '../database/tables.ts'
import { selectMessages, typeOf } from './stored-message.ts'
import { insertMessages } from './webhook-jobs.ts'

const reasons = ['gone', 'failing'] as const satisfies readonly PauseReason[]

/** What the operator sees of webhooks, and does about them. */
export function createWebhookControl(
  db: Kysely<Database>,
  { read, transact, hasRowLocks }: DatabaseTraits,
): WebhookControl {
  function* countReplayed(selection: ReplaySelection): Job<ReplayCounts> {
    const row = yield* firstRowOf(
      sql<ReplayCounts>`
        select count(case when webhook_endpoints.paused_at is null then 1 end) as sent, count(webhook_endpoints.paused_at) as held
        from tasks
        join task_webhooks on task_webhooks.task_id = tasks.id
        join webhook_endpoints on webhook_endpoints.id = task_webhooks.endpoint_id
        where ${replayed(selection)}`.compile(db),
    )
    return { sent: row?.sent ?? 0, held: row?.held ?? 0 }
  }

  return {
    resume: (endpointId, nowMs) =>
      transact(function* () {
        const resumed = yield* rowsWrittenBy(
          db
            .updateTable('webhook_endpoints')
            .set({ paused_at: null, paused_why: null, failing_since: null })
            .where('id', '=', endpointId),
        )
        if (resumed === 0) return null
        return yield* rowsWrittenBy(
          db.updateTable('webhook_messages').set({ due_at: nowMs, failures: 0 }).where('endpoint_id', '=', endpointId),
        )
      }),

    countUndelivered: (endpointId) =>
      read(function* () {
        const row = yield* firstRowOf(
          db
            .selectFrom('webhook_endpoints')
            .leftJoin('webhook_messages', 'webhook_messages.endpoint_id', 'webhook_endpoints.id')
            .select(({ fn }) => fn.count<number>('webhook_messages.id').as('count'))
            .where('webhook_endpoints.id', '=', endpointId)
            .groupBy('webhook_endpoints.id'),
        )
        return row?.count ?? null
      }),

    replay: (selection, nowMs) =>
      transact(function* () {
        yield* rowsWrittenBy(
          insertMessages(
            { type: sql`'separation.settled'`, atMs: sql`${nowMs}`, hasRowLocks },
            replayed(selection),
            sql`update set due_at = excluded.due_at, failures = 0, last_answer = null`,
          ).compile(db),
        )
        // After the write, which keeps the endpoints from being paused or resumed.
        return yield* countReplayed(selection)
      }),

    countReplayed: (selection) => read(() => countReplayed(selection)),

    endpoints: (owner, limit) =>
      read(function* () {
        const rows = yield* rowsOf(
          db
            .selectFrom('webhook_endpoints')
            .leftJoin('webhook_messages', 'webhook_messages.endpoint_id', 'webhook_endpoints.id')
            .select(({ fn }) => [
              'webhook_endpoints.id',
              'webhook_endpoints.owner',
              'webhook_endpoints.url',
              'webhook_endpoints.failing_since',
              'webhook_endpoints.paused_at',
              'webhook_endpoints.paused_why',
              fn.count<number>('webhook_messages.id').as('undelivered'),
              fn.min<number | null>('webhook_messages.created_at').as('oldest'),
            ])
            .$if(owner !== null, (all) => all.where('webhook_endpoints.owner', '=', owner))
            .groupBy('webhook_endpoints.id')
            .orderBy('undelivered', 'desc')
            .orderBy('webhook_endpoints.id')
            .limit(limit),
        )
        return rows.map((row) => ({
          endpoint: { id: row.id, owner: row.owner, url: row.url },
          failingSinceMs: row.failing_since,
          paused:
            row.paused_at === null
              ? null
              : { atMs: row.paused_at, why: reasons.find((each) => each === row.paused_why) ?? 'failing' },
          undelivered: row.undelivered,
          oldestAtMs: row.oldest,
        }))
      }),

    undelivered: (owner, limit) =>
      read(function* () {
        const rows = yield* rowsOf(
          selectMessages(db)
            .$if(owner !== null, (all) => all.where('webhook_messages.owner', '=', owner))
            .orderBy('webhook_messages.created_at')
            .orderBy('webhook_messages.id')
            .limit(limit),
        )
        return rows.map((row) => ({
          id: row.id,
          endpoint: { id: row.endpoint_id, owner: row.owner, url: row.url },
          type: typeOf(row.type),
          taskId: row.task_id,
          createdAtMs: row.created_at,
          dueAtMs: row.due_at,
          failures: row.failures,
          lastAnswer: row.last_answer,
        }))
      }),
  }
}

/** The settled tasks of a selection, as a condition. */
function replayed(selection: ReplaySelection): RawBuilder<unknown> {
  const ofSelection =
    'taskId' in selection
      ? sql`tasks.id = ${selection.taskId}`
      : sql`tasks.owner = ${selection.owner} and tasks.changed_at >= ${selection.sinceMs}`
  return sql`${ofSelection} and tasks.status <> 'PENDING'`
}
