import type { WakeUps } from '../check/wake-ups.ts'
import type { CallbackInbox, Clock, SavedCallback, TaskReader } from '../store.ts'
import type { ProviderName } from '../task.ts'
import type { RestoreOrder } from './restore-order.ts'
import type { AddressedOrder } from './sealed-order.ts'

/** A callback that was received at the task's own address. */
export interface ReceivedCallback extends Omit<SavedCallback, 'receivedAtMs'> {
  readonly provider: ProviderName
  /** The order in the address; null if there is none. */
  readonly order: AddressedOrder | null
}

export type SaveOutcome =
  /** The callback is stored, and its task is due. */
  | 'saved'
  /** The same, but the store had lost the task: it was restored from the callback's address. */
  | 'restored'
  /** The store does not know the task, and the address contains no order. */
  | 'unknown'

/** Stores a callback durably and makes its task due. */
export type SaveCallback = (callback: ReceivedCallback) => Promise<SaveOutcome>

export interface SaveCallbackOptions {
  readonly reader: Pick<TaskReader, 'find'>
  readonly inbox: CallbackInbox
  readonly clock: Clock
  readonly restoreOrder: RestoreOrder
  readonly wakeUps: WakeUps
}

export function createSaveCallback(options: SaveCallbackOptions): SaveCallback {
  const { reader, inbox, clock, restoreOrder, wakeUps } = options
  return async function saveCallback({ taskId, provider, providerTaskId, report, order }) {
    const [task] = await reader.find([taskId])
    if (task === undefined && order !== null) await restoreOrder(order)
    else if (task?.provider !== provider) return 'unknown'
    await inbox.saveCallback({ taskId, receivedAtMs: clock.nowMs(), providerTaskId, report })
    wakeUps.wake(provider)
    return task === undefined ? 'restored' : 'saved'
  }
}
