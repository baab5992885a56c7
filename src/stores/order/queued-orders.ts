import { sql, type Kysely, type SqlBool } from 'kysely'
import type { OrderQueueReader } from '../../separation/store/order-queue-reader.ts'
import type { Run } from '../database/database-traits.ts'
import { rowsOf } from '../database/job.ts'
import type { Database } from '../database/tables.ts'
import { parseStoredPage } from '../task/stored-task.ts'

/** The condition of the index `tasks_queued`: a database uses the index for these very words alone. */
const isQueued = sql<SqlBool>`status = 'PENDING' and charge = 'NONE'`

/** Reads the queued orders. The index contains no other tasks, so that an empty queue costs one seek. */
export function createOrderQueueReader(db: Kysely<Database>, read: Run): OrderQueueReader {
  return {
    // One seek for each owner, however many orders each of them has.
    queuedOwners: (provider, { after, limit }) =>
      read(function* () {
        const rows = yield* rowsOf(
          sql<{ owner: string }>`
            with recursive owners(owner) as (
              select * from (
                select owner from tasks where provider = ${provider} and ${isQueued} and owner > ${after}
                order by owner limit 1
              ) first_owner
              union all
              select (
                select t.owner from tasks t
                where t.provider = ${provider} and ${isQueued} and t.owner > owners.owner order by t.owner limit 1
              ) from owners where owners.owner is not null
            )
            select owner from owners where owner is not null limit ${limit}`.compile(db),
        )
        return rows.map(({ owner }) => owner)
      }),

    queuedOrders: (provider, owner, limit) =>
      read(function* () {
        return parseStoredPage(
          yield* rowsOf(
            sql<{ task: string }>`
              select task from tasks where provider = ${provider} and owner = ${owner} and ${isQueued}
              order by created_at, id limit ${limit}`.compile(db),
          ),
        )
      }),
  }
}
