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
    id: newTaskId(),
    owner,
    provider: provider.name,
    providerTaskId: null,
    sharedProviderTaskId: null,
    type: input.type,
    musicTaskId: input.musicTaskId,
    audioId: input.audioId,
    reference: input.reference,
    musicId: null,
    originUrl: null,
    charge: 'MAYBE',
    resolution: null,
    revision: 1,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    events: [{ kind: 'sent', atMs: nowMs }],
    expectedAtMs,
    sendAttempt: null,
    trace,
    archive: null,
    isCreatedAtKnown: true,
    state: 'pending',
    partial: null,
    incompleteSinceMs: null,
  }
}

/** The task of an order that is not sent yet. */
export function queued(task: PendingTask): PendingTask {
  return { ...task, charge: 'NONE', events: [], expectedAtMs: null }
}
