import { createBoundedMap, type BoundedMap } from '../../runtime/bounded-map.ts'
import { StoreUnavailableError } from '../../separation/errors.ts'
import type { TaskSelection } from '../../separation/read/task-selection.ts'
import { longestWriteMs } from '../../separation/read/held-positions.ts'
import type { OwnerWatch } from '../../separation/read/watch-owner.ts'
import type { Task } from '../../separation/task.ts'
import { createMember, offer, sendPending, type CatchUp, type DashboardItem, type Member } from './dashboard-member.ts'
import { eventText } from './event-text.ts'
import { feedKeyOf } from './feed-key.ts'
import type { FeedOperation, Feeds, FeedsOptions, Subscriber } from './feed.ts'
import { createShownTasks, type ShownTasks } from './shown-tasks.ts'
import { sinceVariableOf } from './since-variable.ts'

/** A subscription to many tasks. */
export interface DashboardOperation extends FeedOperation {
  readonly selection: TaskSelection
  /** Milliseconds since 1970. It begins also with the tasks that changed since then; null: with the newest alone. */
  readonly sinceMs: number | null
}

/** Equal subscriptions, which may differ in `since`. */
interface Dashboard<S extends Subscriber> {
  readonly key: string
  readonly operation: DashboardOperation
  readonly watch: OwnerWatch
  readonly members: Map<S, Member<S>>
  /** Those that are to begin. */
  readonly beginning: Set<Member<S>>
  /** Those that are to be sent the next tasks that changed before they began. */
  readonly catchingUp: Set<Member<S>>
  readonly shown: ShownTasks
  /** The texts of the tasks that were sent last. */
  readonly items: BoundedMap<DashboardItem>
  /** Whether it serves those that wait. */
  isInTurn: boolean
}

/** How many texts a dashboard keeps: more than it begins with. */
const maxItems = 200
const retryAfterMs = 1_000

/**
 * Dashboards of one transport. A change is read once for each owner, executed once for each dashboard, and sent to its
 * subscribers. All that one dashboard is sent is read and sent in turn, so no state follows a newer one.
 */
export function createDashboards<S extends Subscriber>(options: FeedsOptions<S>): Feeds<S, DashboardOperation> {
  const { pipeline, ownerWatches, selectedTasks, delivery, log } = options
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
    const dashboard: Dashboard<S> = {
      key,
      operation,
      watch: ownerWatches.watch(operation.caller.owner, { onTasks: (tasks) => showChanges(dashboard, tasks) }),
      members: new Map(),
      beginning: new Set(),
      catchingUp: new Set(),
      shown: createShownTasks(operation.selection),
      items: createBoundedMap(maxItems),
      isInTurn: false,
    }
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

  /** Sends tasks to a group, and to all others those that have changed since they were sent. */
  async function showTo(
    dashboard: Dashboard<S>,
    group: readonly Member<S>[],
    tasks: readonly Task[],
    afterwards: (member: Member<S>) => void = () => {},
  ): Promise<void> {
    for (const task of tasks) {
      const isNews = dashboard.shown.note(task)
      await send(dashboard, isNews ? [...dashboard.members.values()] : group, task)
    }
    for (const member of group) {
      // A subscriber that has fallen behind begins anew.
      if (!isMember(dashboard, member) || !member.isStarted) continue
      afterwards(member)
      continueWith(dashboard, member)
    }
  }

  async function showChanges(dashboard: Dashboard<S>, tasks: readonly Task[]): Promise<void> {
    for (const task of tasks) {
      if (dashboard.shown.note(task)) await send(dashboard, [...dashboard.members.values()], task)
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

  function isMember({ members }: Dashboard<S>, member: Member<S>): boolean {
    return members.get(member.subscriber) === member
  }

  /** An outage of the store ends only subscriptions that were sent nothing: the others try again. */
  async function handleFailure(dashboard: Dashboard<S>, group: Set<Member<S>>, reason: unknown): Promise<void> {
    const error = reason instanceof Error ? reason : new Error('The tasks could not be read.', { cause: reason })
    const isOutage = error instanceof StoreUnavailableError
    const bytes = delivery.encode(await eventText(pipeline, dashboard.operation, error))
    for (const member of group) {
      if (isOutage && member.wasShown) continue
      remove(dashboard, member)
      delivery.last(member.subscriber, bytes)
    }
    if (group.size > 0) await new Promise((resolve) => setTimeout(resolve, retryAfterMs).unref())
  }
}
