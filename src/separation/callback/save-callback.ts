import type { RestoreOrder } from './restore-order.ts'
import type { ProviderName } from '../task.ts'
import type { AddressedOrder } from './sealed-order.ts'
import type { SavedCallback, Store } from '../store.ts'

/** A callback that came to the task's own address. */
export interface ReceivedCallback extends Omit<SavedCallback, 'receivedAtMs'> {
  readonly provider: ProviderName
  /** What the address says of the order; null if nothing. */
  readonly order: AddressedOrder | null
}

export type SaveOutcome =
  /** The callback is stored, and the provider is asked for the task. */
  | 'saved'
  /** The same, but the store did not know the task: it was restored from its address. */
  | 'restored'
  /** The store does not know the task, and whose it is is not known either. */
  | 'unknown'

/** Stores what a callback said, durably, and has the provider asked. */
export type SaveCallback = (callback: ReceivedCallback) => Promise<SaveOutcome>

export function createSaveCallback(options: {
  readonly store: Store
  readonly restoreOrder: RestoreOrder
  readonly onDue: (provider: ProviderName) => void
}): SaveCallback {
  const { store, restoreOrder, onDue } = options
  return async function saveCallback({ taskId, provider, providerTaskId, report, order }) {
    const [task] = await store.find([taskId])
    if (task === undefined && order !== null) await restoreOrder(order)
    else if (task?.provider !== provider) return 'unknown'
    await store.saveCallback({ taskId, receivedAtMs: store.nowMs(), providerTaskId, report })
    onDue(provider)
    return task === undefined ? 'restored' : 'saved'
  }
}
