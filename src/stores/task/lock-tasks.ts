import type { Kysely } from 'kysely'
import { rowsOf, type Job } from '../database/job.ts'
import type { Database } from '../database/tables.ts'

/** A job that keeps tasks from being deleted until the transaction ends. Returns the ids of those that there are. */
export type LockTasks = (taskIds: readonly string[]) => Job<ReadonlySet<string>>

/** For rows that belong to a task without a foreign key: a row that comes after the deletion would stay for ever. */
export function createLockTasks(db: Kysely<Database>, hasRowLocks: boolean): LockTasks {
  return function* lockTasks(taskIds) {
    if (taskIds.length === 0) return new Set()
    const rows = yield* rowsOf(
      db
        .selectFrom('tasks')
        .select('id')
        .where('id', 'in', taskIds)
        .$if(hasRowLocks, (locked) => locked.forKeyShare()),
    )
    return new Set(rows.map(({ id }) => id))
  }
}
