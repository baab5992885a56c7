import { madeAtMs } from '../task-id.ts'
import type { PendingTask } from '../task.ts'
import type { AddressedOrder } from './sealed-order.ts'
import type { Log } from '../../runtime/log.ts'
import type { Store } from '../store.ts'

/**
 * Stores an order again that the store has forgotten, as when it was restored from an older copy: with its own id, as its
 * owner's, charged, due at once. Changes nothing where the task is there.
 */
export type RestoreOrder = (order: AddressedOrder) => Promise<void>

export function createRestoreOrder({ store, log }: { readonly store: Store; readonly log: Log }): RestoreOrder {
  return async function restoreOrder(order) {
    await store.restore(restoredTask(order, store.nowMs()))
    log.error(
      { taskId: order.taskId, provider: order.provider },
      'the store did not know this task, which the provider has charged: the order was restored from its callback address. ' +
        'Was the database replaced by an older copy, or is it another one?',
    )
  }
}

function restoredTask({ taskId, ...order }: AddressedOrder, nowMs: number): PendingTask {
  return {
    id: taskId,
    ...order,
    providerTaskId: null,
    sharedProviderTaskId: null,
    musicId: null,
    originUrl: null,
    charge: 'CHARGED',
    revision: 1,
    createdAtMs: Math.min(madeAtMs(taskId) ?? nowMs, nowMs),
    isCreatedAtKnown: true,
    state: 'pending',
    partial: null,
    incompleteSinceMs: null,
  }
}
