import type { Log } from '../runtime/log.ts'
import { withTimeout } from '../runtime/with-timeout.ts'
import { createRecord, type RecordReports, type TaskChangeListener } from './advance/record.ts'
import type { CallbackAddresses } from './callback/callback-address.ts'
import { createRestoreOrder } from './callback/restore-order.ts'
import { createSaveCallback, type SaveCallback } from './callback/save-callback.ts'
import { createSettleByCallback } from './callback/settle-by-callback.ts'
import type { Budget, BudgetStatus, CallerLimits } from './caller-limits.ts'
import type { Changes } from './changes.ts'
import type { CheckTimings } from './check/check-schedule.ts'
import { createCheck, type Check } from './check/check.ts'
import type { CheckRequests } from './check/check-requests.ts'
import { counterOf, type PriceOf } from './order/budget-claims.ts'
import { createExpectations } from './order/expectations.ts'
import type { MistakeInUrl, SeparateInput } from './order/separate-input.ts'
import { createSendQueued, type SendQueued } from './order/send-queued.ts'
import { createSeparate, type LogRefusal, type OrderOptions, type SeparateOutcome } from './order/separate.ts'
import { createSubmissions } from './order/submissions.ts'
import type { Provider } from './provider.ts'
import { createChangePoll } from './read/change-poll.ts'
import { createFind, type Find, type FindPermission, type TaskRef } from './read/find.ts'
import { createReadTask } from './read/read-task.ts'
import { createSelectedTasks, type SelectedTasks } from './read/selected-tasks.ts'
import { createWaits, type Waits } from './read/wait-until-settled.ts'
import { createWatches, type Watches } from './read/watch.ts'
import { createOwnerWatches, type OwnerWatches } from './read/watch-owner.ts'
import type { Clock } from './store/clock.ts'
import type { ChangeReader } from './store/change-reader.ts'
import type { Store } from './store/store.ts'
import type { TaskFilter, TaskPage, TaskReader } from './store/task-reader.ts'
import type { ProviderName } from './task/provider-name.ts'
import type { Task } from './task/task.ts'

export interface SeparationsOptions {
  /** Where tasks are changed. Never a cache. */
  readonly store: Omit<Store, keyof Clock>
  /** Where tasks are read for callers and subscribers. */
  readonly reader: TaskReader & ChangeReader
  readonly clock: Clock
  /** From 0 to 1, exclusive. Default: Math.random. */
  readonly random?: () => number
  readonly changes: Changes
  /** The enabled providers. */
  readonly providers: ReadonlyMap<ProviderName, Provider>
  readonly defaultProvider: ProviderName
  readonly addresses: CallbackAddresses
  readonly log: Log
  /** What orders cost, for budgets of credits. Default: nothing. */
  readonly priceOf?: PriceOf
  /** Which URLs an order may name to be told of its task. Default: any. */
  readonly mistakeInWebhookUrl?: MistakeInUrl
  /** Called when a caller has used most of a budget. */
  readonly onBudgetWarning?: (budget: Budget) => void
  readonly timings: CheckTimings & { readonly submitTimeoutMs: number; readonly submitWaitMs: number }
  /** See `FileRetention`. */
  readonly archiveMs: number | null
  /** How callbacks ask for checks. */
  readonly requests: CheckRequests
  /** Called once for every change of a task that this gateway has stored. */
  readonly onTaskChange?: TaskChangeListener
}

/** Everything that can be done with separation tasks. `owner` is the caller. */
export interface Separations {
  /** Orders a separation, or finds the task that already answers the order. */
  separate(owner: string, input: SeparateInput, options?: OrderOptions): Promise<SeparateOutcome>
  /** Logs that an order was refused before it came here. */
  readonly logRefusal: LogRefusal
  /** The budgets of a caller, and what is used of each now. */
  budgets(owner: string, limits: CallerLimits): Promise<readonly BudgetStatus[]>
  /** Sends queued orders, once it is started. */
  readonly queue: Pick<SendQueued, 'start' | 'stop'>
  /** The owner's tasks, in the order of the refs. */
  readonly find: Find
  list(owner: string, page: TaskPage): Promise<readonly Task[]>
  /** The number of the caller's tasks that match the filter, but at most `limit`. */
  count(owner: string, where: TaskFilter, limit: number): Promise<number>
  /** The task now and at every change. */
  readonly watches: Watches
  /** The tasks of an owner at every change, and tasks that are new. */
  readonly ownerWatches: OwnerWatches
  /** Reads the tasks that a watch of an owner begins with. */
  readonly selectedTasks: SelectedTasks
  /** Waits until a task is settled, for a while. */
  readonly waits: Waits
  /** Stores a callback durably and makes its task due. */
  readonly saveCallback: SaveCallback
  /** Checks a task at its provider. Resolves to the time of the next check, in milliseconds since 1970, or null for never. */
  readonly check: Check
  /** Merges reports into their task. For what is not a way of this module, such as the archive. */
  readonly record: RecordReports
  /** Resolves when no submit and no settlement by a callback is under way, or after `withinMs`. */
  drain(withinMs: number): Promise<void>
}

export function createSeparations(options: SeparationsOptions): Separations {
  const { store, reader, clock, changes, timings, random = Math.random, priceOf = () => undefined } = options
  const { mistakeInWebhookUrl = () => null } = options
  const common = { ...options, random, priceOf, mistakeInWebhookUrl, inbox: store }
  const readTask = createReadTask(reader)
  const findTask = async (owner: string, ref: TaskRef, permission: FindPermission): Promise<Task | null> => {
    const [found = null] = await find(owner, [ref], permission)
    if (found instanceof Error) throw found
    return found
  }
  const poll = createChangePoll({ ...common, changes })
  const watches = createWatches({ findTask, readTask, readRevisions: reader.revisions, changes, poll })
  const expectations = createExpectations()
  const record = createRecord({
    ...common,
    onChange(before, after) {
      if (before.state === 'pending' && after.state === 'succeeded') expectations.learn(after)
      options.onTaskChange?.(before, after)
    },
  })
  const submissions = createSubmissions({ ...common, record, submitTimeoutMs: timings.submitTimeoutMs })
  const firstCheckAfterMs = timings.intervalMs
  const queue = createSendQueued({
    ...common,
    record,
    expectations,
    submissions,
    firstCheckAfterMs,
    giveUpAfterMs: timings.giveUpAfterMs,
  })
  const { separate, logRefusal, isSubmitting, drain } = createSeparate({
    ...common,
    readTask,
    watches,
    record,
    expectations,
    submissions,
    onQueued: queue.wake,
    submitTimeoutMs: timings.submitTimeoutMs,
    submitWaitMs: timings.submitWaitMs,
    firstCheckAfterMs,
    giveUpAfterMs: timings.giveUpAfterMs,
  })
  const restoreOrder = createRestoreOrder(common)
  const settle = createSettleByCallback({ ...common, queue: store, record, graceMs: timings.callbackGraceMs })
  const find = createFind({ ...common, record, restoreOrder })

  return {
    separate,
    logRefusal,
    async budgets(owner, limits) {
      const counters = limits.budgets.map((budget) => counterOf(budget, clock.nowMs(), priceOf))
      const used = counters.length === 0 ? [] : await store.budgetsUsed(owner, counters)
      return limits.budgets.map((budget, index) => ({
        budget,
        used: used[index] ?? 0,
        resetsAtMs: counters[index]?.endMs ?? 0,
      }))
    },
    queue,
    find,
    record,
    check: createCheck({ ...common, record, isSubmitting }),
    saveCallback: createSaveCallback({ ...common, restoreOrder, settle }),
    async drain(withinMs) {
      await Promise.all([drain(withinMs), withTimeout(withinMs, settle.stop())])
    },
    list: (owner, page) => reader.list(owner, page),
    count: (owner, where, limit) => reader.count(owner, where, limit),

    watches,
    ownerWatches: createOwnerWatches({ ...common, readTask, poll }),
    selectedTasks: createSelectedTasks(reader),
    waits: createWaits(watches),
  }
}
