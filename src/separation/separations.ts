import { createCheck, type Check } from './check/check.ts'
import type { CheckTimings } from './check/check-schedule.ts'
import { createFind, type Find, type FindPermission, type TaskRef } from './read/find.ts'
import { createSaveCallback, type SaveCallback } from './callback/save-callback.ts'
import { createReadTask } from './read/read-task.ts'
import { createRecord } from './advance/record.ts'
import { createRestoreOrder } from './callback/restore-order.ts'
import { createSeparate, type SeparateOutcome } from './order/separate.ts'
import type { SeparateInput } from './order/separate-input.ts'
import type { ProviderName, Task } from './task.ts'
import { watchTask } from './read/watch.ts'
import type { CallbackAddresses } from './callback/callback-address.ts'
import type { Changes } from './changes.ts'
import type { Log } from '../runtime/log.ts'
import type { TaskPage, Store } from './store.ts'
import type { Provider } from './provider.ts'

export interface SeparationsOptions {
  readonly store: Store
  readonly changes: Changes
  /** The providers that are switched on. */
  readonly providers: ReadonlyMap<ProviderName, Provider>
  readonly defaultProvider: ProviderName
  readonly addresses: CallbackAddresses
  readonly log: Log
  readonly times: CheckTimings & { readonly submitTimeoutMs: number; readonly submitWaitMs: number }
  /** Called when a callback has made a task of the provider due at once. */
  readonly onDue: (provider: ProviderName) => void
}

/** Everything that can be done with separation tasks. `owner` is the caller in whose name it is done. */
export interface Separations {
  /** Orders a separation, or finds the task that already answers the order. Throws a SeparateError if it is refused. */
  separate(owner: string, input: SeparateInput): Promise<SeparateOutcome>
  /** The owner's tasks in the order of the refs. */
  readonly find: Find
  list(owner: string, page: TaskPage): Promise<readonly Task[]>
  /** The task now and at every change until it is settled; null alone if it is unknown. */
  watch(owner: string, ref: TaskRef, permission?: FindPermission): AsyncIterable<Task | null>
  /** Stores what a callback said, durably, and has the provider asked. */
  readonly saveCallback: SaveCallback
  /** Asks the provider for a task; tells when to ask next, in milliseconds since 1970, or null for never. */
  readonly check: Check
  /** Resolves when no submit is under way, or after `withinMs`. */
  drain(withinMs: number): Promise<void>
}

export function createSeparations(options: SeparationsOptions): Separations {
  const { store, changes, times } = options
  const readTask = createReadTask(store)
  const record = createRecord(options)
  const { separate, isSubmitting, drain } = createSeparate({
    ...options,
    readTask,
    record,
    submitTimeoutMs: times.submitTimeoutMs,
    submitWaitMs: times.submitWaitMs,
    firstCheckAfterMs: times.intervalMs,
    giveUpAfterMs: times.giveUpAfterMs,
  })
  const restoreOrder = createRestoreOrder(options)
  const find = createFind({ ...options, record, restoreOrder })
  const check = createCheck({ ...options, record, isSubmitting })

  return {
    separate,
    find,
    check,
    saveCallback: createSaveCallback({ ...options, restoreOrder }),
    drain,
    list: (owner, page) => store.list(owner, page),

    watch(owner, ref, permission) {
      const findTask = async () => {
        const [found = null] = await find(owner, [ref], permission)
        if (found instanceof Error) throw found
        return found
      }
      return watchTask(findTask, { readTask, changes })
    },
  }
}
