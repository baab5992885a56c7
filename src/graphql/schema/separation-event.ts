import { settledAtMs } from '../../separation/task/task-times.ts'
import { taskEventKinds, type TaskEventKind } from '../../separation/task/task-event.ts'
import type { Task } from '../../separation/task/task.ts'
import { builder } from './builder.ts'
import { SeparationEventTypeEnum } from './enums.ts'

type EventType = 'ORDERED' | (typeof typeOfKind)[TaskEventKind] | 'SETTLED'

interface Event {
  readonly type: EventType
  readonly atMs: number
}

const typeOfKind = {
  sent: 'SENT',
  unanswered: 'UNANSWERED',
  accepted: 'ACCEPTED',
  refused: 'REFUSED',
  resolved: 'RESOLVED',
  callback: 'CALLBACK',
  checked: 'CHECKED',
} as const satisfies Record<TaskEventKind, string>

/** In the order of events of the same time. */
const types: readonly EventType[] = ['ORDERED', ...Object.values(typeOfKind), 'SETTLED']

/** The most events of a task: four of each kind, and that it was ordered and settled. */
export const maxEvents = 4 * taskEventKinds.length + 2

/** Something that happened to a separation. */
export const SeparationEvent = builder.objectRef<Event>('SeparationEvent').implement({
  description: 'Something that happened to a separation.',
  fields: (t) => ({
    type: t.field({ type: SeparationEventTypeEnum, description: 'What happened.', resolve: ({ type }) => type }),
    at: t.field({
      type: 'DateTime',
      description: "When it happened, by the gateway's clock.",
      resolve: ({ atMs }) => new Date(atMs),
    }),
  }),
})

/** What happened to a task, oldest first. */
export function eventsOf(task: Task): readonly Event[] {
  const settledMs = settledAtMs(task)
  const events: readonly Event[] = [
    { type: 'ORDERED', atMs: task.createdAtMs },
    ...task.events.map(({ kind, atMs }) => ({ type: typeOfKind[kind], atMs })),
    ...(settledMs === null ? [] : [{ type: 'SETTLED', atMs: settledMs } as const]),
  ]
  return events.toSorted((a, b) => a.atMs - b.atMs || types.indexOf(a.type) - types.indexOf(b.type))
}
