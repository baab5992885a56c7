import { sql, type Kysely } from 'kysely'
import type { WebhookQueue } from '../../separation/store/webhook-queue.ts'
import type { DatabaseTraits } from '../database/database-traits.ts'
import { firstRowOf, rowsOf, rowsWrittenBy } from '../database/job.ts'
import type { Database } from '../database/tables.ts'
import { messageOf, selectMessages } from './stored-message.ts'

/** How many due messages are looked at to lease some of them. */
const maxCandidates = 200

/** Stores messages until they are delivered, and leases them to gateways. */
export function createWebhookQueue(
  db: Kysely<Database>,
  { read, write, transact, hasRowLocks }: DatabaseTraits,
): WebhookQueue {
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
        const rows = yield* rowsOf(selectMessages(db).where('webhook_messages.id', 'in', chosen))
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
