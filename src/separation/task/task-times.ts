import type { Task } from './task.ts'

/** When the order was sent, in milliseconds since 1970. When it was created, if it was not sent yet or that is not known. */
export function startedAtMs(task: Task): number {
  return task.events.find(({ kind }) => kind === 'sent')?.atMs ?? task.createdAtMs
}

/** When the gateway learned the outcome of the task, in milliseconds since 1970; null while it is pending. */
export function settledAtMs(task: Task): number | null {
  switch (task.state) {
    case 'pending':
      return null
    case 'succeeded':
      return task.foundAtMs
    case 'failed':
      return task.failure.atMs
  }
}

/** When the provider completed the task, in milliseconds since 1970; null while it is pending. */
export function completedAtMs(task: Task): number | null {
  switch (task.state) {
    case 'pending':
      return null
    case 'succeeded':
      return task.completedAtMs.value
    case 'failed':
      return task.failure.atMs
  }
}
