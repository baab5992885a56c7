import { DatabaseSync } from '@photostructure/sqlite'
import { firstTaskIdAt, newTaskId } from '../../../src/separation/task/task-id.ts'
import { openSqlite } from '../../../src/stores/sqlite/sqlite-store.ts'
import { columnsOf } from '../../../src/stores/task/stored-task.ts'
import { succeededTask } from '../../support/tasks.ts'

const owner = 'key:old'
const ageMs = 50 * 24 * 60 * 60_000
const atATime = 200

/** Stores tasks of another caller that are old enough to be deleted, each with an idempotency key. */
export async function storeOldTasks(path: string, count: number): Promise<void> {
  const { db } = await openSqlite(path)
  const createdAtMs = Date.now() - ageMs
  for (let from = 0; from < count; from += atATime) {
    const tasks = Array.from({ length: Math.min(atATime, count - from) }, () => {
      const id = `${firstTaskIdAt(createdAtMs).slice(0, 14)}${newTaskId().slice(14)}`
      return succeededTask({ id, owner, providerTaskId: `old-${id}`, createdAtMs })
    })
    const rows = tasks.map((task) => ({ ...columnsOf(task), due_at: null, changed_at: createdAtMs }))
    await db.insertInto('tasks').values(rows).execute()
    const keys = tasks.map(({ id }) => ({ owner, key: id, fingerprint: 'f', task_id: id, created_at: createdAtMs }))
    await db
      .insertInto('keys')
      .values(keys.map((key) => ({ ...key, confirmed: 1 })))
      .execute()
  }
  await db.destroy()
}

/** What is left of them: whole tasks, and tombstones of those that were deleted. */
export function readOldTasks(path: string): {
  readonly whole: number
  readonly halves: number
  readonly deleted: number
} {
  const database = new DatabaseSync(path, { timeout: 5_000 })
  const count = (sql: string) => Number(database.prepare(`select count(*) as n from ${sql}`).get()?.['n'])
  const tasks = count(`tasks where owner = '${owner}'`)
  const keys = count(`keys where owner = '${owner}'`)
  const whole = count(`tasks join keys on keys.task_id = tasks.id where tasks.owner = '${owner}'`)
  const deleted = count("tombstones where mark like 't%'")
  const marks = count('tombstones')
  database.close()
  return { whole, halves: tasks - whole + (keys - whole) + Math.abs(marks - 3 * deleted), deleted }
}

/** As if the lease of the gateway that was killed had ended: the next one goes on deleting. */
export function endPurgeLease(path: string): void {
  const database = new DatabaseSync(path, { timeout: 5_000 })
  database.exec('delete from leases')
  database.close()
}
