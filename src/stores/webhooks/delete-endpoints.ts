import { sql, type Kysely, type SqlBool } from 'kysely'
import { rowsOf, rowsWrittenBy, type Job } from '../database/job.ts'
import type { Database } from '../database/tables.ts'

/** The job that deletes endpoints of webhooks that nothing refers to. */
export interface DeleteEndpoints {
  /**
   * Looks at the next `limit` endpoints by id, and deletes those of which no task is told, to which no message is sent, and which are
   * not paused. Returns the id to go on after; null at the end.
   */
  deleteUnused(page: { readonly after: string; readonly limit: number }): Job<string | null>
}

const isUnused = sql<SqlBool>`
  paused_at is null
  and not exists (select 1 from task_webhooks where task_webhooks.endpoint_id = webhook_endpoints.id)
  and not exists (select 1 from webhook_messages where webhook_messages.endpoint_id = webhook_endpoints.id)`

export function createDeleteEndpoints(db: Kysely<Database>, hasRowLocks: boolean): DeleteEndpoints {
  return {
    *deleteUnused({ after, limit }) {
      const page = yield* rowsOf(
        db.selectFrom('webhook_endpoints').select('id').where('id', '>', after).orderBy('id').limit(limit),
      )
      const last = page.at(-1)?.id
      if (last === undefined) return null
      const unused = yield* rowsOf(
        db
          .selectFrom('webhook_endpoints')
          .select('id')
          .where('id', '>', after)
          .where('id', '<=', last)
          .where(isUnused)
          // An order that uses an endpoint holds a lock of it.
          .$if(hasRowLocks, (locked) => locked.forUpdate().skipLocked()),
      )
      if (unused.length > 0) {
        const ids = unused.map(({ id }) => id)
        // Again: PostgreSQL shows what an order committed before the lock was taken to the next statement alone.
        yield* rowsWrittenBy(db.deleteFrom('webhook_endpoints').where('id', 'in', ids).where(isUnused))
      }
      return page.length < limit ? null : last
    },
  }
}
