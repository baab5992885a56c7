import { StoreUnavailableError } from '../../separation/errors.ts'
import { longestWriteMs } from '../../separation/read/held-positions.ts'
import type { Task } from '../../separation/task/task.ts'
import { createDashboard, isMember, type Dashboard, type DashboardOperation } from './dashboard.ts'
import { createMember, sendPending, type CatchUp, type Member } from './dashboard-member.ts'
import { eventText } from './event-text.ts'
import { feedKeyOf } from './feed-key.ts'
import type { Feeds, FeedsOptions, Subscriber } from './feed.ts'
import { createSendTasks } from './send-tasks.ts'
import { sinceVariableOf } from './since-variable.ts'

const retryAfterMs = 1_000

/**
 * Dashboards of one transport. A change is read once for each owner, executed once for each dashboard, and sent to its
 * subscribers. All that one dashboard is sent is read and sent in turn, so no state follows a newer one.
 */
export function createDashboards<S extends Subscriber>(options: FeedsOptions<S>): Feeds<S, DashboardOperation> {
  const { ownerWatches, selectedTasks, delivery, log } = options
  const sendTasks = createSendTasks<S>(options)
  const dashboards = new Map<string, Dashboard<S>>()

  return {
    has: (key) => dashboards.has(key),
    join(key, subscriber) {
      const dashboard = dashboards.get(key)
      if (dashboard === undefined) return false
      // Without a variable for it, `since` is the same for all.
      join(dashboard, subscriber, sinceVariableOf(dashboard.operation.document) === null ? dashboard.operation : null)
      return true
    },
    open(_key, operation, subscriber) {
      const key = keyOf(operation)
      join(dashboards.get(key) ?? create(key, operation), subscriber, operation)
    },
    leave(subscriber) {
      const dashboard = dashboardOf(subscriber)
      const member = dashboard?.members.get(subscriber)
      if (dashboard !== undefined && member !== undefined) remove(dashboard, member)
    },
    resume(subscriber) {
      const dashboard = dashboardOf(subscriber)
      const member = dashboard?.members.get(subscriber)
      if (dashboard === undefined || member === undefined) return
      sendPending(delivery, member)
      continueWith(dashboard, member)
    },
  }

  function keyOf({ caller, query, operationName, variables, document }: DashboardOperation): string {
    const since = sinceVariableOf(document)
    const others = Object.fromEntries(Object.entries(variables).filter(([name]) => name !== since))
    return feedKeyOf(caller, { query, operationName, variables: others })
  }

  function create(key: string, operation: DashboardOperation): Dashboard<S> {
    const { owner } = operation.caller
    const onTasks = (tasks: readonly Task[]) => sendTasks(dashboard, [], tasks)
    const dashboard: Dashboard<S> = createDashboard(key, operation, ownerWatches.watch(owner, { onTasks }))
    dashboards.set(key, dashboard)
    return dashboard
  }

  function join(dashboard: Dashboard<S>, subscriber: S, operation: Pick<DashboardOperation, 'sinceMs'> | null): void {
    const sinceMs = operation?.sinceMs ?? null
    // A change may be older than its commit, and than what the client has seen.
    const member = createMember(subscriber, sinceMs === null ? null : sinceMs - longestWriteMs)
    subscriber.feedKey = dashboard.key
    dashboard.members.set(subscriber, member)
    continueWith(dashboard, member)
  }

  function remove(dashboard: Dashboard<S>, member: Member<S>): void {
    member.subscriber.feedKey = null
    dashboard.members.delete(member.subscriber)
    dashboard.beginning.delete(member)
    dashboard.catchingUp.delete(member)
    if (dashboard.members.size > 0) return
    dashboards.delete(dashboard.key)
    dashboard.watch.stop()
  }

  function dashboardOf({ feedKey }: S): Dashboard<S> | undefined {
    return feedKey === null ? undefined : dashboards.get(feedKey)
  }

  /** Lets a subscriber that has been sent everything so far begin or catch up, in turn. */
  function continueWith(dashboard: Dashboard<S>, member: Member<S>): void {
    if (member.pending !== null || delivery.isBusy(member.subscriber)) return
    if (!member.isStarted) dashboard.beginning.add(member)
    else if (member.catchUp !== null) dashboard.catchingUp.add(member)
    else return
    takeTurns(dashboard).catch((error: unknown) => log.error({ err: error }, 'a dashboard could not be sent'))
  }

  /** Serves those that wait, one group after the other. The changes of the owner are read in between. */
  async function takeTurns(dashboard: Dashboard<S>): Promise<void> {
    if (dashboard.isInTurn) return
    dashboard.isInTurn = true
    const { beginning, catchingUp, watch } = dashboard
    try {
      while (beginning.size > 0 || catchingUp.size > 0) {
        const group = beginning.size > 0 ? beginning : catchingUp
        const work = () => (group === beginning ? begin(dashboard) : catchUp(dashboard))
        await watch.inTurn(work).catch((error: unknown) => handleFailure(dashboard, group, error))
      }
    } finally {
      dashboard.isInTurn = false
    }
  }

  /** Sends the newest tasks to those that begin. */
  async function begin(dashboard: Dashboard<S>): Promise<void> {
    const { caller, selection } = dashboard.operation
    const group = [...dashboard.beginning]
    const until = group.some(({ from }) => from !== null) ? await selectedTasks.latestPosition(caller.owner) : 0
    const tasks = await selectedTasks.newest(caller.owner, selection)
    for (const member of group) {
      const { from } = member
      dashboard.beginning.delete(member)
      member.catchUp = from === null || from > until ? null : { after: { position: from, id: '' }, until }
      member.isStarted = true
    }
    await showTo(dashboard, group, tasks)
  }

  /** Sends the next tasks that changed before they began, to those that have come equally far. */
  async function catchUp(dashboard: Dashboard<S>): Promise<void> {
    const { caller, selection } = dashboard.operation
    // A subscriber that has fallen behind meanwhile begins anew.
    for (const member of dashboard.catchingUp) if (member.catchUp === null) dashboard.catchingUp.delete(member)
    const [first] = dashboard.catchingUp
    const after = first?.catchUp?.after
    if (after === undefined) return
    const isEqual = (other: CatchUp | null) => other?.after.position === after.position && other.after.id === after.id
    const group = [...dashboard.catchingUp].filter((member) => isEqual(member.catchUp))
    const { tasks, next } = await selectedTasks.changedAfter(caller.owner, selection, after)
    for (const member of group) dashboard.catchingUp.delete(member)
    await showTo(dashboard, group, tasks, (member) => {
      const { until } = member.catchUp ?? { until: 0 }
      member.catchUp = next === null || next.position > until ? null : { after: next, until }
    })
  }

  /** Sends tasks to a group, which goes on after that. */
  async function showTo(
    dashboard: Dashboard<S>,
    group: readonly Member<S>[],
    tasks: readonly Task[],
    afterwards: (member: Member<S>) => void = () => {},
  ): Promise<void> {
    await sendTasks(dashboard, group, tasks)
    for (const member of group) {
      // A subscriber that has fallen behind begins anew.
      if (!isMember(dashboard, member) || !member.isStarted) continue
      afterwards(member)
      continueWith(dashboard, member)
    }
  }

  /** An outage of the store ends only subscriptions that were sent nothing: the others try again. */
  async function handleFailure(dashboard: Dashboard<S>, group: Set<Member<S>>, reason: unknown): Promise<void> {
    const error = reason instanceof Error ? reason : new Error('The tasks could not be read.', { cause: reason })
    const isOutage = error instanceof StoreUnavailableError
    const bytes = delivery.encode(await eventText(options, dashboard.operation, error))
    for (const member of group) {
      if (isOutage && member.wasShown) continue
      remove(dashboard, member)
      delivery.last(member.subscriber, bytes)
    }
    if (group.size > 0) await new Promise((resolve) => setTimeout(resolve, retryAfterMs).unref())
  }
}
