import type { Task } from '../../separation/task.ts'
import { isMember, type Dashboard } from './dashboard.ts'
import { offer, type DashboardItem, type Member } from './dashboard-member.ts'
import { eventText } from './event-text.ts'
import type { FeedsOptions, Subscriber } from './feed.ts'

/**
 * Sends tasks to a group, and to all others those that have changed since they were sent. A task is executed once for each of
 * its revisions.
 */
export type SendTasks<S extends Subscriber> = (
  dashboard: Dashboard<S>,
  group: readonly Member<S>[],
  tasks: readonly Task[],
) => Promise<void>

export function createSendTasks<S extends Subscriber>({
  pipeline,
  delivery,
  log,
}: Pick<FeedsOptions<S>, 'pipeline' | 'delivery' | 'log'>): SendTasks<S> {
  return async function sendTasks(dashboard, group, tasks) {
    for (const task of tasks) {
      const receivers = dashboard.shown.note(task) ? [...dashboard.members.values()] : group
      if (receivers.length > 0) await send(dashboard, receivers, task)
    }
  }

  async function send(dashboard: Dashboard<S>, members: readonly Member<S>[], task: Task): Promise<void> {
    const item = await itemOf(dashboard, task)
    if (item === null) return
    const position = dashboard.watch.position()
    for (const member of members) {
      if (member.isStarted && isMember(dashboard, member)) offer(delivery, member, item, position)
    }
  }

  /** null if the task could not be executed, which is logged. */
  async function itemOf({ items, operation }: Dashboard<S>, task: Task): Promise<DashboardItem | null> {
    const { id: taskId, revision } = task
    const known = items.get(taskId)
    if (known?.revision === revision) return known
    try {
      const bytes = delivery.encode(await eventText(pipeline, operation, task))
      const item = { taskId, revision, bytes }
      items.set(taskId, item)
      return item
    } catch (error) {
      log.error({ err: error }, 'an event of a subscription could not be executed')
      return null
    }
  }
}
