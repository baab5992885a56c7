import { taskEventKinds, type TaskEvent, type TaskEventKind } from '../task/task-event.ts'
import type { Task } from '../task/task.ts'
import type { OrderReport } from '../task/report.ts'

/** How many events of one kind a task keeps, in addition to the first. */
const maxLatest = 3

/** The events of the task and that of the report. */
export function mergeEvents({ events }: Task, report: OrderReport, atMs: number): readonly TaskEvent[] {
  const kind = eventOf(report)
  return kind === null ? events : withEvent(events, { kind, atMs })
}

/**
 * Adds an event. Of each kind the first and the latest ones are kept, which are the same in any order of events. Repeating an
 * event changes nothing.
 */
function withEvent(events: readonly TaskEvent[], event: TaskEvent): readonly TaskEvent[] {
  if (events.some(({ kind, atMs }) => kind === event.kind && atMs === event.atMs)) return events
  const same = [...events.filter(({ kind }) => kind === event.kind), event].toSorted(byTime)
  const kept = same.length > 1 + maxLatest ? [...same.slice(0, 1), ...same.slice(-maxLatest)] : same
  return [...events.filter(({ kind }) => kind !== event.kind), ...kept].toSorted(byTime)
}

function byTime(a: TaskEvent, b: TaskEvent): number {
  return a.atMs - b.atMs || taskEventKinds.indexOf(a.kind) - taskEventKinds.indexOf(b.kind)
}

function eventOf(report: OrderReport): TaskEventKind | null {
  switch (report.kind) {
    case 'sent':
    case 'unanswered':
    case 'accepted':
    case 'refused':
    case 'resolved':
      return report.kind
    case 'reported':
      return report.by === 'callback' ? 'callback' : 'checked'
    case 'unconfirmed':
    case 'no-result':
    case 'incomplete-result':
      return null
  }
}
