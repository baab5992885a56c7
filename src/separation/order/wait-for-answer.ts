import type { ReadTask } from '../read/read-task.ts'
import type { Task } from '../task.ts'
import { watchTask } from '../read/watch.ts'
import { withTimeout } from '../../runtime/with-timeout.ts'
import type { Changes } from '../changes.ts'

/** Whether it is known what the provider made of the order. */
export function isAnswered(task: Task): boolean {
  return task.state !== 'pending' || task.charge !== 'MAYBE'
}

/**
 * The task as soon as it is known what the provider made of the order, or as it is after `waitMs`.
 * @param stop ends the wait when it settles: somebody else knows
 */
export async function waitForAnswer(
  task: Task,
  waitMs: number,
  from: { readonly readTask: ReadTask; readonly changes: Changes; readonly stop?: Promise<unknown> },
): Promise<Task> {
  const endsAtMs = performance.now() + waitMs
  const states = watchTask(async () => task, from)[Symbol.asyncIterator]()
  const stopped = from.stop?.then(
    () => null,
    () => null,
  )
  let current = task
  try {
    while (!isAnswered(current)) {
      const next = withTimeout(Math.max(0, endsAtMs - performance.now()), states.next())
      const state = stopped === undefined ? await next : await Promise.race([next, stopped])
      if (state === null || state.done === true) break
      current = state.value ?? current
    }
  } finally {
    // Not waited for: it may be in the middle of a reading.
    states.return?.().catch(() => {})
  }
  // No message may have told of it.
  return isAnswered(current) ? current : ((await from.readTask(task.id)) ?? current)
}
