import type { Log } from '../../runtime/log.ts'
import { traceDetail, type Trace } from '../../runtime/trace.ts'
import type { Changes } from '../changes.ts'
import type { Clock } from '../store/clock.ts'
import type { TaskImporter } from '../store/task-importer.ts'
import { firstState } from '../task/first-state.ts'
import { createdAtMsOf } from '../task/task-id.ts'
import type { PendingTask } from '../task/task.ts'
import type { AddressedOrder } from './sealed-order.ts'

/**
 * Restores an order that the store has lost, for example because an older backup was restored. The task keeps its id and its
 * owner, is charged, and is due at once. Does nothing if the task exists. Resolves to false if it was deleted: it stays so.
 * @param trace the request that brought the address: that of the order is lost
 */
export type RestoreOrder = (order: AddressedOrder, trace: Trace | null) => Promise<boolean>

export function createRestoreOrder({
  store,
  clock,
  changes,
  log,
}: {
  readonly store: TaskImporter
  readonly clock: Clock
  readonly changes: Changes
  readonly log: Log
}): RestoreOrder {
  return async function restoreOrder(order, trace) {
    if (!(await store.restore(restoredTask(order, trace, clock.nowMs())))) return false
    changes.publish(order.taskId, order.owner)
    log.error(
      {
        event: 'task.restored',
        taskId: order.taskId,
        provider: order.provider,
        owner: order.owner,
        ...traceDetail(trace),
      },
      'the store has lost this task, which the provider has charged; it was restored from its callback address. ' +
        'Was the database replaced by an older backup, or is it another database?',
    )
    return true
  }
}

function restoredTask({ taskId, ...order }: AddressedOrder, trace: Trace | null, nowMs: number): PendingTask {
  return {
    id: taskId,
    ...order,
    ...firstState,
    providerTaskId: null,
    charge: 'CHARGED',
    createdAtMs: Math.min(createdAtMsOf(taskId) ?? nowMs, nowMs),
    updatedAtMs: nowMs,
    trace,
    isCreatedAtKnown: true,
  }
}
