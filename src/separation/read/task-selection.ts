import type { TaskFilter } from '../store/task-reader.ts'
import { isSettled, type Task } from '../task/task.ts'
import { statusOf } from '../task/task-status.ts'

/** Which of an owner's tasks are watched. */
export interface TaskSelection {
  readonly where: TaskFilter
  /** Only these tasks; null: any. */
  readonly ids: ReadonlySet<string> | null
}

/** Whether the task is selected. Agrees with `TaskReader.list` about the filter. */
export function isSelected(task: Task, selection: TaskSelection): boolean {
  const { status, settled, charge, failureCode } = selection.where
  return (
    mayHaveBeenSelected(task, selection) &&
    (status?.includes(statusOf(task)) ?? true) &&
    (settled ?? isSettled(task)) === isSettled(task) &&
    (charge?.includes(task.charge) ?? true) &&
    (failureCode === undefined || (task.state === 'failed' && failureCode.includes(task.failure.code)))
  )
}

/** Whether the task is selected apart from what changes while it is separated: `status`, `settled`, `charge`, `failureCode`. */
export function mayHaveBeenSelected(task: Task, { where, ids }: TaskSelection): boolean {
  const { type, provider, audioId, musicTaskId, reference, referencePrefix, createdAfterMs, createdBeforeMs } = where
  return (
    (ids?.has(task.id) ?? true) &&
    (type === undefined || type === task.type) &&
    (provider === undefined || provider === task.provider) &&
    (audioId === undefined || audioId === task.audioId) &&
    (musicTaskId === undefined || musicTaskId === task.musicTaskId) &&
    (reference === undefined || reference === task.reference) &&
    (referencePrefix === undefined || (task.reference?.startsWith(referencePrefix) ?? false)) &&
    (createdAfterMs === undefined || task.createdAtMs >= createdAfterMs) &&
    (createdBeforeMs === undefined || task.createdAtMs < createdBeforeMs)
  )
}
