import type { Task } from '../../separation/task/task.ts'
import { badInput } from '../bad-input.ts'
import type { Context } from '../context.ts'

const maxWaitSeconds = 60

/** The description of the argument `waitSeconds`. */
export const waitSecondsDescription =
  `How long to wait for the task to be settled, from 0 (the default) to ${maxWaitSeconds}. The answer comes as soon as the task ` +
  'is settled, and after this time with the task as it is then. A wait counts as an open subscription; beyond the limit of ' +
  'subscriptions, the answer comes at once.'

/** Throws BAD_USER_INPUT if the time is not allowed. */
export function checkWaitSeconds(waitSeconds: number): void {
  if (waitSeconds >= 0 && waitSeconds <= maxWaitSeconds) return
  throw badInput(`\`waitSeconds\` must be from 0 to ${maxWaitSeconds}.`)
}

/** The task after the wait that the request asks for. */
export async function afterWait(task: Task, waitSeconds: number, context: Context): Promise<Task> {
  return waitSeconds === 0 ? task : context.waitUntilSettled(task, waitSeconds)
}
