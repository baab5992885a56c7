import { firstState } from '../task/first-state.ts'
import { newTaskId } from '../task/task-id.ts'
import type { PendingTask } from '../task/task.ts'
import type { OrderRequest } from './equal-orders.ts'

/** The task of an order that is sent at once. It may be charged from the moment it is stored. */
export function newTask(
  { owner, provider, input, trace }: OrderRequest,
  nowMs: number,
  expectedAtMs: number | null,
): PendingTask {
  return {
    ...firstState,
    id: newTaskId(),
    owner,
    provider: provider.name,
    providerTaskId: null,
    type: input.type,
    musicTaskId: input.musicTaskId,
    audioId: input.audioId,
    reference: input.reference,
    charge: 'MAYBE',
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    events: [{ kind: 'sent', atMs: nowMs }],
    expectedAtMs,
    trace,
    isCreatedAtKnown: true,
  }
}

/** The task of an order that is not sent yet. */
export function queued(task: PendingTask): PendingTask {
  return { ...task, charge: 'NONE', events: [], expectedAtMs: null }
}
