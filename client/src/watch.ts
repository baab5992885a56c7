import type { DashboardSubscriptionVariables } from '../../schema/operations.ts'
import type { Credential } from './credential.ts'
import { StemgateError } from './errors.ts'
import type { Subscribe } from './event-streams.ts'
import { follow } from './follow.ts'
import { latestOf } from './latest.ts'
import { dashboardText, watchText } from './operation-texts.ts'
import type { Task } from './task.ts'

/** Which tasks to watch. */
export type Watched = Pick<DashboardSubscriptionVariables, 'where' | 'ids'>

export interface WatchOptions {
  /** Ends the watching, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Called when updates stop for a while. The client tries again until they are back. */
  readonly onInterrupted?: ((error: StemgateError) => void) | undefined
}

/** How subscriptions are opened. */
export interface Connection {
  readonly credential: Credential
  readonly subscribe: Subscribe
}

/** The states of one task, until it is settled. */
export function watchTask(
  { credential, subscribe }: Connection,
  taskId: string,
  { signal: outer, onInterrupted }: WatchOptions,
): AsyncIterableIterator<Task> {
  async function* states(signal: AbortSignal): AsyncGenerator<Task> {
    const open = (token: string | null) => subscribe({ token, operation: watchText, variables: { taskId }, signal })
    let shown = 0
    for await (const { separationUpdated: task } of follow({ credential, signal, open, onInterrupted })) {
      if (task === null) throw new StemgateError('TASK_NOT_FOUND', `There is no task ${taskId}.`)
      // After an interruption the same state comes again.
      if (task.revision > shown || task.settled) yield task
      shown = task.revision
      if (task.settled) return
    }
  }
  return latestOf(states, ({ id }) => id, outer)
}

/** The states of many tasks. After an interruption, those that changed meanwhile come as well. */
export function watchTasks(
  { credential, subscribe }: Connection,
  watched: Watched,
  { signal: outer, onInterrupted }: WatchOptions,
): AsyncIterableIterator<Task> {
  async function* changes(signal: AbortSignal): AsyncGenerator<Task> {
    const revisions = new Map<string, number>()
    let since: string | null = null
    const open = (token: string | null) =>
      subscribe({ token, operation: dashboardText, variables: { ...watched, since }, signal })
    for await (const { separationsUpdated: task } of follow({ credential, signal, open, onInterrupted })) {
      if (since === null || task.updatedAt > since) since = task.updatedAt
      if (task.revision <= (revisions.get(task.id) ?? 0)) continue
      revisions.set(task.id, task.revision)
      yield task
    }
  }
  return latestOf(changes, ({ id }) => id, outer)
}
