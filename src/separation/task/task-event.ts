/**
 * What may happen to a task, in the order in which it usually does. That it was ordered and settled is not among them: see
 * `createdAtMs` and `settledAtMs`.
 */
export const taskEventKinds = [
  /** The gateway began to send the order. */
  'sent',
  /** The wait for the provider's answer has ended without one. */
  'unanswered',
  /** The provider accepted the order. */
  'accepted',
  /** The provider refused the order, or the gateway will not send it. */
  'refused',
  /** The operator said whether the order was charged. */
  'resolved',
  /** A callback reported on the task. */
  'callback',
  /** record-info reported on the task. */
  'checked',
] as const
export type TaskEventKind = (typeof taskEventKinds)[number]

export interface TaskEvent {
  readonly kind: TaskEventKind
  /** In milliseconds since 1970, by the gateway's clock. */
  readonly atMs: number
}
