import { expect, test } from 'vitest'
import { newTaskId } from '../../src/separation/task/task-id.ts'
import { createCheckQueue } from '../../src/stores/check/check-queue.ts'
import { runJob, type Job } from '../../src/stores/database/job.ts'
import { openSqlite } from '../../src/stores/sqlite/sqlite-store.ts'
import { columnsOf } from '../../src/stores/task/stored-task.ts'
import { pendingTask } from '../support/tasks.ts'

const someTime = 1_700_000_000_000

test('tasks with a recent callback are leased without a look at the other due tasks', async () => {
  const { db, file } = await openSqlite(':memory:')
  const plans: string[] = []
  const run = <T>(job: () => Job<T>) => runJob(withPlans(job()), db)
  function* withPlans<T>(job: Job<T>): Job<T> {
    let step = job.next()
    while (step.done !== true) {
      const { sql, parameters } = step.value
      plans.push(
        file
          .prepare(`explain query plan ${sql}`)
          .all(parameters)
          .map((row) => JSON.stringify(row))
          .join('\n'),
      )
      step = job.next(yield step.value)
    }
    return step.value
  }
  const queue = createCheckQueue(db, { write: run, transact: run, hasRowLocks: false })
  // The callbacks of most tasks are old. Two tasks are recently called, and due last.
  const rows = Array.from({ length: 1_000 }, (_, nth) => ({
    ...columnsOf(pendingTask({ id: newTaskId(), providerTaskId: `id-${nth}` })),
    due_at: someTime - (nth < 998 ? 5_000 : 0),
    callback_at: nth < 998 ? someTime - 90_000 : someTime - 1_000,
  }))
  for (let from = 0; from < rows.length; from += 500) {
    await db
      .insertInto('tasks')
      .values(rows.slice(from, from + 500))
      .execute()
  }
  const leased = await queue.leaseDue('kie', someTime, someTime + 20_000, 3)
  expect(
    leased
      .map(({ id }) => id)
      .slice(0, 2)
      .toSorted(),
  ).toEqual(
    rows
      .slice(998)
      .map(({ id }) => id)
      .toSorted(),
  )
  expect(leased).toHaveLength(3)
  expect(plans[0]).toContain('tasks_due_after_callback (provider=? AND due_at<?)')
  expect(plans[1]).toContain('tasks_due (provider=? AND due_at<?)')
  expect(plans.join('\n')).not.toMatch(/TEMP B-TREE/)
  await db.destroy()
})
