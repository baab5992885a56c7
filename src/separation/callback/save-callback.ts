import type { RestoreOrder } from './restore-order.ts'
import type { ProviderName } from '../task.ts'
import type { AddressedOrder } from './sealed-order.ts'
import type { CallbackNote, Store } from '../store.ts'

/** A callback that came to the task's own address. */
export interface ReceivedCallback extends Omit<CallbackNote, 'receivedAtMs'> {
  readonly provider: ProviderName
  /** What the address says of the order; null if nothing. */
  readonly order: AddressedOrder | null
}

export type Noted =
  /** The callback is stored, and the provider is asked for the task. */
  | 'noted'
  /** The same, but the store did not know the task: it was restored from its address. */
  | 'restored'
  /** The store does not know the task, and whose it is is not known either. */
  | 'unknown'

/** Stores what a callback said, durably, and has the provider asked. */
export type NoteCallback = (callback: ReceivedCallback) => Promise<Noted>

export function createNoteCallback(options: {
  readonly store: Store
  readonly restoreOrder: RestoreOrder
  readonly onDue: (provider: ProviderName) => void
}): NoteCallback {
  const { store, restoreOrder, onDue } = options
  return async function noteCallback({ taskId, provider, providerTaskId, told, order }) {
    const [task] = await store.find([taskId])
    if (task === undefined && order !== null) await restoreOrder(order)
    else if (task?.provider !== provider) return 'unknown'
    await store.note({ taskId, receivedAtMs: store.nowMs(), providerTaskId, told })
    onDue(provider)
    return task === undefined ? 'restored' : 'noted'
  }
}
