import { sql, type Kysely, type RawBuilder } from 'kysely'
import type {
  PauseReason,
  ReplaySelection,
  WebhookMessage,
  WebhookQueue,
  WebhookType,
} from '../../separation/store/webhook-queue.ts'
import { isSingleTaskError } from '../../separation/errors.ts'
import type { DatabaseTraits } from '../database/database-traits.ts'
import { firstRowOf, rowsOf, rowsWrittenBy } from '../database/job.ts'
import type { Database } from '../database/tables.ts'
import { parseStoredTask } from '../task/stored-task.ts'
import { insertMessages } from './webhook-jobs.ts'

/** How many due messages are looked at to lease some of them. */
const maxCandidates = 200

const types = ['separation.settled', 'separation.updated', 'budget.warning'] as const satisfies readonly WebhookType[]
const reasons = ['gone', 'failing'] as const satisfies readonly PauseReason[]

/** Stores messages until they are delivered, and leases them to gateways. */
export function createWebhookQueue(
  db: Kysely<Database>,
  { read, write, transact, hasRowLocks }: DatabaseTraits,
): WebhookQueue {
  const selectMessages = () =>
    db
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

  return {
    leaseDue: (nowMs, leaseUntilMs, limit, { full, newChoice }) =>
      transact(function* () {
        const candidates = yield* rowsOf(
          db
            .selectFrom('webhook_messages')
            .select(['id', 'endpoint_id', 'owner'])
            .where('due_at', '<=', nowMs)
            .$if(full.endpointIds.length > 0, (due) => due.where('endpoint_id', 'not in', full.endpointIds))
            .$if(full.owners.length > 0, (due) => due.where('owner', 'not in', full.owners))
            .orderBy('due_at')
            .limit(maxCandidates)
            .$if(hasRowLocks, (due) => due.forUpdate().skipLocked()),
        )
        const choose = newChoice()
        const chosen: string[] = []
        for (const { id, endpoint_id: endpointId, owner } of candidates) {
          if (chosen.length < limit && choose({ endpointId, owner })) chosen.push(id)
        }
        if (chosen.length === 0) return { messages: [], hasMore: candidates.length > 0 }
        yield* rowsWrittenBy(
          db
            .updateTable('webhook_messages')
            .set({ due_at: leaseUntilMs, lease_until: leaseUntilMs })
            .where('id', 'in', chosen),
        )
        const rows = yield* rowsOf(selectMessages().where('webhook_messages.id', 'in', chosen))
        return {
          // A message that cannot be read keeps its lease: a newer gateway may be able to read it.
          messages: rows.flatMap(messageOf),
          hasMore: chosen.length < candidates.length || candidates.length === maxCandidates,
        }
      }),

    renew: (ids, leaseUntilMs, laterMs) =>
      write(function* () {
        if (ids.length === 0) return
        yield* rowsWrittenBy(
          db
            .updateTable('webhook_messages')
            .set({ due_at: laterMs, lease_until: laterMs })
            .where('id', 'in', ids)
            .where('due_at', '=', leaseUntilMs),
        )
      }),

    release: (id, leaseUntilMs, dueAtMs) =>
      write(function* () {
        yield* rowsWrittenBy(
          db
            .updateTable('webhook_messages')
            .set({ due_at: dueAtMs })
            .where('id', '=', id)
            .where('due_at', '=', leaseUntilMs),
        )
      }),

    delivered: ({ id, endpoint }) =>
      transact(function* () {
        // Endpoints before messages, in every transaction, so that none waits for another that waits for it.
        yield* rowsWrittenBy(
          db
            .updateTable('webhook_endpoints')
            .set({ failing_since: null })
            .where('id', '=', endpoint.id)
            .where('failing_since', 'is not', null),
        )
        yield* rowsWrittenBy(db.deleteFrom('webhook_messages').where('id', '=', id))
      }),

    failed: ({ id, endpoint }, answer, atMs) =>
      transact(function* () {
        yield* rowsWrittenBy(
          db
            .updateTable('webhook_endpoints')
            .set({ failing_since: atMs })
            .where('id', '=', endpoint.id)
            .where('failing_since', 'is', null),
        )
        yield* rowsWrittenBy(
          db
            .updateTable('webhook_messages')
            .set((eb) => ({ failures: eb('failures', '+', 1), last_answer: answer }))
            .where('id', '=', id),
        )
        const row = yield* firstRowOf(
          db.selectFrom('webhook_endpoints').select('failing_since').where('id', '=', endpoint.id),
        )
        return row?.failing_since ?? atMs
      }),

    pause: (endpointId, why, atMs) =>
      transact(function* () {
        const paused = yield* rowsWrittenBy(
          db
            .updateTable('webhook_endpoints')
            .set({ paused_at: atMs, paused_why: why })
            .where('id', '=', endpointId)
            .where('paused_at', 'is', null),
        )
        yield* rowsWrittenBy(
          db.updateTable('webhook_messages').set({ due_at: null }).where('endpoint_id', '=', endpointId),
        )
        return paused > 0
      }),

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
        return yield* rowsWrittenBy(
          insertMessages(
            { type: sql`'separation.settled'`, atMs: sql`${nowMs}`, hasRowLocks },
            replayed(selection),
            sql`update set due_at = excluded.due_at, failures = 0, last_answer = null`,
          ).compile(db),
        )
      }),

    countReplayed: (selection) =>
      read(function* () {
        const row = yield* firstRowOf(
          sql<{ count: number }>`
            select count(*) as count from tasks join task_webhooks on task_webhooks.task_id = tasks.id
            where ${replayed(selection)}`.compile(db),
        )
        return row?.count ?? 0
      }),

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
          selectMessages()
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

    backlog: () =>
      read(function* () {
        const messages = yield* firstRowOf(
          db
            .selectFrom('webhook_messages')
            .select(({ fn }) => [
              fn.count<number>('due_at').as('waiting'),
              fn.countAll<number>().as('all'),
              sql<number | null>`min(case when due_at is not null then created_at end)`.as('oldest'),
            ]),
        )
        const endpoints = yield* firstRowOf(
          db
            .selectFrom('webhook_endpoints')
            .select(({ fn }) => fn.countAll<number>().as('paused'))
            .where('paused_at', 'is not', null),
        )
        const waiting = messages?.waiting ?? 0
        return {
          waiting,
          oldestAtMs: messages?.oldest ?? null,
          held: (messages?.all ?? 0) - waiting,
          pausedEndpoints: endpoints?.paused ?? 0,
        }
      }),

    deleteHeld: (beforeMs, limit) =>
      write(function* () {
        return yield* rowsWrittenBy(
          db
            .deleteFrom('webhook_messages')
            .where('due_at', 'is', null)
            .where('id', 'in', (eb) =>
              eb
                .selectFrom('webhook_messages')
                .select('id')
                .where('due_at', 'is', null)
                .where('created_at', '<', beforeMs)
                .limit(limit),
            ),
        )
      }),

    releaseAllLeases: () =>
      write(function* () {
        yield* rowsWrittenBy(
          db
            .updateTable('webhook_messages')
            .set({ due_at: 0, lease_until: null })
            .whereRef('due_at', '=', 'lease_until'),
        )
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

function messageOf(row: MessageRow): readonly WebhookMessage[] {
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
function typeOf(text: string): WebhookType {
  return types.find((each) => each === text) ?? 'separation.updated'
}
