import { createBoundedMap, type BoundedMap } from '../../runtime/bounded-map.ts'
import type { TaskSelection } from '../../separation/read/task-selection.ts'
import type { OwnerWatch } from '../../separation/read/watch-owner.ts'
import type { DashboardItem, Member } from './dashboard-member.ts'
import type { FeedOperation, Subscriber } from './feed.ts'
import { createShownTasks, type ShownTasks } from './shown-tasks.ts'

/** A subscription to many tasks. */
export interface DashboardOperation extends FeedOperation {
  readonly selection: TaskSelection
  /** Milliseconds since 1970. It begins also with the tasks that changed since then; null: with the newest alone. */
  readonly sinceMs: number | null
}

/** Equal subscriptions, which may differ in `since`. */
export interface Dashboard<S extends Subscriber> {
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

export function createDashboard<S extends Subscriber>(
  key: string,
  operation: DashboardOperation,
  watch: OwnerWatch,
): Dashboard<S> {
  return {
    key,
    operation,
    watch,
    members: new Map(),
    beginning: new Set(),
    catchingUp: new Set(),
    shown: createShownTasks(operation.selection),
    items: createBoundedMap(maxItems),
    isInTurn: false,
  }
}

/** Whether the subscriber has not left. */
export function isMember<S extends Subscriber>({ members }: Dashboard<S>, member: Member<S>): boolean {
  return members.get(member.subscriber) === member
}
