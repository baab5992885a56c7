import type { Trace } from '../../runtime/trace.ts'
import { hasStems } from '../task/report.ts'
import type { CheckRequests } from '../check/check-requests.ts'
import type { Seat } from '../check/poller.ts'
import type { CallbackInbox, CallbackTask, SavedCallback } from '../store/callback-inbox.ts'
import type { Clock } from '../store/clock.ts'
import type { TaskImporter } from '../store/task-importer.ts'
import type { ProviderName } from '../task/provider-name.ts'
import type { Task } from '../task/task.ts'
import type { RestoreOrder } from './restore-order.ts'
import type { AddressedOrder } from './sealed-order.ts'
import type { SettleByCallback } from './settle-by-callback.ts'

/** A callback that was received at the task's own address. */
export interface ReceivedCallback extends Omit<SavedCallback, 'receivedAtMs'> {
  readonly provider: ProviderName
  /** Whether a signature of the provider vouches for it. */
  readonly isSigned: boolean
  /** The order in the address; null if there is none. */
  readonly order: AddressedOrder | null
  /** The request that brought it. */
  readonly trace: Trace
}

export type SaveOutcome =
  /** The callback is stored, and its task is due. */
  | { readonly kind: 'saved'; readonly task: Task }
  /** The same, but the store had lost the task: it was restored from the callback's address. */
  | { readonly kind: 'restored'; readonly task: Task }
  /** The task was deleted, by its age or with its owner. Nothing is stored. */
  | { readonly kind: 'deleted' }
  /** The store does not know the task, and the address contains no order. */
  | { readonly kind: 'unknown' }

/**
 * Stores a callback durably and makes its task due. If its result need not or cannot be confirmed first, because it is signed or
 * because the provider's rate is used up, it then settles the task by itself.
 */
export type SaveCallback = (callback: ReceivedCallback) => Promise<SaveOutcome>

export interface SaveCallbackOptions {
  readonly inbox: Pick<CallbackInbox, 'saveCallback'> & Pick<TaskImporter, 'isDeleted'>
  readonly clock: Clock
  readonly restoreOrder: RestoreOrder
  readonly requests: CheckRequests
  readonly settle: SettleByCallback
}

/** How long a task that its callback settles is leased: if the gateway dies meanwhile, the checker settles it after that. */
const settleLeaseMs = 2_000

export function createSaveCallback(options: SaveCallbackOptions): SaveCallback {
  const { inbox, clock, restoreOrder, requests, settle } = options

  return async function saveCallback({ provider, isSigned, order, trace, ...received }) {
    const callback: SavedCallback = { ...received, receivedAtMs: clock.nowMs() }
    const save = () => saveAndFollow(provider, callback, isSigned)
    const saved = await save()
    if (saved !== null) return { kind: 'saved', task: saved }
    if (order === null) return { kind: (await inbox.isDeleted(callback.taskId)) ? 'deleted' : 'unknown' }
    if (!(await restoreOrder(order, trace))) return { kind: 'deleted' }
    const restored = await save()
    return restored === null ? { kind: 'unknown' } : { kind: 'restored', task: restored }
  }

  /** Resolves to the task of the callback; null if it was not stored. */
  async function saveAndFollow(
    provider: ProviderName,
    callback: SavedCallback,
    isSigned: boolean,
  ): Promise<Task | null> {
    const { report } = callback
    // Without stems, no callback settles its task before the provider is asked.
    if (report === null || !hasStems(report)) return saveDue(provider, callback)
    const place = isSigned ? 'full' : requests.reserve(provider, callback.taskId)
    switch (place) {
      case 'full':
        return saveAndSettle(provider, callback)
      case 'under-way': {
        const saved = await saveDue(provider, callback)
        if (saved !== null) settle.later(saved, callback)
        return saved
      }
      default:
        return saveAndCheck(provider, callback, place)
    }
  }

  async function saveDue(provider: ProviderName, callback: SavedCallback): Promise<Task | null> {
    const saved = await inbox.saveCallback(callback, { provider })
    requests.wake(provider)
    return saved?.task ?? null
  }

  async function saveAndSettle(provider: ProviderName, callback: SavedCallback): Promise<Task | null> {
    const leaseUntilMs = callback.receivedAtMs + settleLeaseMs
    const saved = await inbox.saveCallback(callback, { provider, leaseUntilMs })
    if (saved === null) return null
    const settled = settle.now(saved.task, callback, saved.isLeased ? leaseUntilMs : null)
    void settled.then(() => requests.wake(provider))
    return saved.task
  }

  async function saveAndCheck(provider: ProviderName, callback: SavedCallback, seat: Seat<Task>): Promise<Task | null> {
    let saved: CallbackTask | null = null
    try {
      saved = await inbox.saveCallback(callback, { provider, leaseUntilMs: seat.leaseUntilMs })
    } finally {
      if (saved?.isLeased === true) seat.begin(saved.task)
      else seat.leave()
    }
    if (saved === null) return null
    settle.later(saved.task, callback)
    if (!saved.isLeased) requests.wake(provider)
    return saved.task
  }
}
