import type { Task } from '../../separation/task/task.ts'
import { isMember, type Dashboard } from './dashboard.ts'
import { offer, type DashboardItem, type Member } from './dashboard-member.ts'
import { eventText } from './event-text.ts'
import type { EventTextOptions, FeedsOptions, Subscriber } from './feed.ts'

/**
 * Sends tasks to a group, and to all others those that have changed since they were sent. A task is executed once for each of
 * its revisions.
 */
export type SendTasks<S extends Subscriber> = (
  dashboard: Dashboard<S>,
  group: readonly Member<S>[],
  tasks: readonly Task[],
) => Promise<void>

export function createSendTasks<S extends Subscriber>(
  options: EventTextOptions & Pick<FeedsOptions<S>, 'delivery' | 'onPush' | 'log'>,
): SendTasks<S> {
  const { delivery, onPush, log } = options

  return async function sendTasks(dashboard, group, tasks) {
    for (const task of tasks) {
      const isNews = dashboard.shown.note(task)
      const receivers = isNews ? [...dashboard.members.values()] : group
      if (receivers.length > 0) await send(dashboard, receivers, task)
      // What a group begins with is no change.
      if (isNews && group.length === 0) onPush(task)
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
      const bytes = delivery.encode(await eventText(options, operation, task))
      const item = { taskId, revision, bytes }
      items.set(taskId, item)
      return item
    } catch (error) {
      log.error({ err: error }, 'an event of a subscription could not be executed')
      return null
    }
  }
}
