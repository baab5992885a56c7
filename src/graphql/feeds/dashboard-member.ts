import type { ChangeCursor } from '../../separation/store/change-reader.ts'
import type { Delivery, Subscriber } from './feed.ts'

/** A state of one task, as it is sent. */
export interface DashboardItem {
  readonly taskId: string
  readonly revision: number
  readonly bytes: Buffer
}

/** A subscriber of a dashboard. */
export interface Member<S extends Subscriber> {
  readonly subscriber: S
  /** Whether it is sent changes. Before, it has to be sent the tasks as they are. */
  isStarted: boolean
  /** Whether it was sent anything. */
  wasShown: boolean
  /** It begins with the tasks that changed after this position, too; null: with the newest alone. */
  from: number | null
  /** What it is still to be sent of those; null: nothing. */
  catchUp: CatchUp | null
  /** The latest state of each task that waits to be written; null if none does. */
  pending: Map<string, DashboardItem> | null
  /** Whatever changed before this position is not in `pending`, and was sent. */
  pendingFrom: number
}

export interface CatchUp {
  readonly after: ChangeCursor
  /** Later changes are sent as they come. */
  readonly until: number
}

/** The most tasks that wait for one subscriber. With more, it begins anew when it reads again. */
const maxPending = 1_000

export function createMember<S extends Subscriber>(subscriber: S, from: number | null): Member<S> {
  return {
    subscriber,
    isStarted: false,
    wasShown: false,
    from,
    catchUp: null,
    pending: null,
    pendingFrom: 0,
  }
}

/**
 * Sends the item, or keeps it until what was sent before is written. A later state of a task replaces the one that waits.
 * @param position every change before it was offered already
 */
export function offer<S extends Subscriber>(
  delivery: Delivery<S>,
  member: Member<S>,
  item: DashboardItem,
  position: number,
): void {
  if (member.pending === null && !delivery.isBusy(member.subscriber)) return send(delivery, member, item)
  if (member.pending === null) {
    member.pending = new Map()
    member.pendingFrom = Math.min(position, member.catchUp?.after.position ?? Infinity)
  }
  member.pending.set(item.taskId, item)
  if (member.pending.size > maxPending) beginAnew(member)
}

/** Sends what waits, as far as the subscriber takes it. */
export function sendPending<S extends Subscriber>(delivery: Delivery<S>, member: Member<S>): void {
  for (const [taskId, item] of member.pending ?? []) {
    if (delivery.isBusy(member.subscriber)) return
    member.pending?.delete(taskId)
    send(delivery, member, item)
  }
  member.pending = null
}

/** Forgets what waits: the subscriber is sent it from the store when it is no longer busy. */
function beginAnew<S extends Subscriber>(member: Member<S>): void {
  // Not where it first began: it was sent what changed before this position.
  member.from = member.pendingFrom
  member.isStarted = false
  member.pending = null
  member.catchUp = null
}

function send<S extends Subscriber>(delivery: Delivery<S>, member: Member<S>, { bytes }: DashboardItem): void {
  member.wasShown = true
  delivery.next(member.subscriber, bytes)
}
