import type { Log } from '../../runtime/log.ts'
import type { Trace } from '../../runtime/trace.ts'
import { advance } from '../advance/advance.ts'
import type { RecordReports } from '../advance/record.ts'
import { noLimits, type CallerLimits } from '../caller-limits.ts'
import type { Changes } from '../changes.ts'
import type { CallbackAddresses } from '../callback/callback-address.ts'
import type { RestoreOrder } from '../callback/restore-order.ts'
import { nextCheckAt, type CheckTimings } from '../check/check-schedule.ts'
import { AdoptionNotAllowedError, ProviderUnreadableError } from '../errors.ts'
import { firstState } from '../task/first-state.ts'
import { isProviderTaskId } from '../task/provider-task-id.ts'
import type { CheckAnswer, Provider } from '../provider.ts'
import type { Clock } from '../store/clock.ts'
import type { TaskImporter } from '../store/task-importer.ts'
import type { TaskReader } from '../store/task-reader.ts'
import { isTaskId, newTaskId } from '../task/task-id.ts'
import { createTaskLog } from '../task-log.ts'
import { recordInfoIdOf, type Task } from '../task/task.ts'
import type { ProviderName } from '../task/provider-name.ts'
import { webhookEndpoint } from '../webhooks/webhook-endpoint.ts'
import { createMissLimit } from './miss-limit.ts'
import { findEach } from './read-task.ts'

type FoundTask = Extract<CheckAnswer, { kind: 'found' }>

export interface FindOptions {
  readonly reader: TaskReader
  readonly store: TaskImporter
  readonly clock: Clock
  /** From 0 to 1, exclusive. Spreads the first checks of adopted tasks. */
  readonly random: () => number
  readonly record: RecordReports
  readonly changes: Changes
  readonly restoreOrder: RestoreOrder
  readonly providers: ReadonlyMap<ProviderName, Provider>
  readonly defaultProvider: ProviderName
  readonly addresses: CallbackAddresses
  readonly timings: CheckTimings
  readonly log: Log
  /** See `FileRetention`. Unless it is null, the files of an adopted task are archived. */
  readonly archiveMs: number | null
}

/** A task id, or a provider task id (of `provider`, or of the default provider). */
export interface TaskRef {
  readonly taskId: string
  readonly provider: ProviderName | null
}

/**
 * The caller's tasks, in the order of the refs; null where the caller has none. All of them take one read of the store. A provider
 * task id that no task is bound to is looked up at the provider, and a task found there is adopted: it belongs to the
 * caller from then on. Instead of a task there may be an error: ProviderUnreadableError if the provider could not be
 * read, TooManyMissesError if the caller has looked up too many unknown ids, AdoptionNotAllowedError if `mayAdopt` is
 * false and the provider would have to be asked.
 */
export type Find = (
  owner: string,
  refs: readonly TaskRef[],
  options?: FindPermission,
) => Promise<readonly (Task | null | Error)[]>

export interface FindPermission {
  /** Whether unknown ids may be looked up at the provider. Default: true. */
  readonly mayAdopt?: boolean
  /** The request that looks for them. */
  readonly trace?: Trace
  /** What the operator has set for the caller, whose webhook is told of adopted tasks. Default: nothing. */
  readonly limits?: Pick<CallerLimits, 'webhookUrl'>
}

/** Who looks for a task, and the request. */
interface Searcher {
  readonly owner: string
  readonly trace: Trace | null
  readonly webhookUrl: string | null
}

/** How many unknown ids one caller may look up at providers, and how long a miss is remembered. */
const missLimitOptions = { maxMisses: 30, windowSeconds: 60, missTtlMs: 60_000 }

/** The most unbound orders that are compared with a task before it is adopted. No account has more. */
const maxUnboundOrders = 1_000
/** How far a provider's clock may be behind the gateway's. */
const clockToleranceMs = 5 * 60_000

/** All known provider task ids are of this form. Others are not looked up. */
const lookupPattern = /^[\w.~:=+-]+$/

export function createFind(options: FindOptions): Find {
  const {
    reader,
    store,
    clock,
    random,
    record,
    changes,
    restoreOrder,
    providers,
    defaultProvider,
    addresses,
    timings,
    log,
    archiveMs,
  } = options
  const taskLog = createTaskLog(log)
  const missLimit = createMissLimit<Task>(missLimitOptions)

  return async function find(owner, refs, { mayAdopt = true, trace = null, limits = noLimits } = {}) {
    const named = refs.map((ref) => ({ ...ref, provider: ref.provider ?? defaultProvider }))
    const taskIds = named.filter(({ taskId }) => isTaskId(taskId)).map(({ taskId }) => taskId)
    const providerIds = named.filter(({ taskId }) => !isTaskId(taskId) && isProviderTaskId(taskId))
    const byTaskId = taskIds.length > 0 ? await findEach(reader, taskIds) : new Map<string, Task>()
    const known = [
      ...[...byTaskId.values()].flatMap((task) => (task instanceof Error ? [] : [task])),
      ...(providerIds.length > 0
        ? await reader.findBound(providerIds.map(({ provider, taskId }) => ({ provider, providerTaskId: taskId })))
        : []),
    ]
    const byKey = new Map<string, Task>()
    for (const task of known) {
      byKey.set(task.id, task)
      if (task.providerTaskId !== null) byKey.set(keyOf(task.provider, task.providerTaskId), task)
    }
    const found = await Promise.allSettled(
      named.map(async ({ taskId, provider }) => {
        const error = byTaskId.get(taskId)
        if (error instanceof Error) throw error
        const task = byKey.get(isTaskId(taskId) ? taskId : keyOf(provider, taskId))
        if (task?.owner === owner) return task
        if (isTaskId(taskId) || !isProviderTaskId(taskId) || !lookupPattern.test(taskId)) return null
        if (!mayAdopt && providers.has(provider)) throw new AdoptionNotAllowedError()
        return missLimit.run(owner, keyOf(provider, taskId), async () => {
          // Another lookup may have adopted the task since the store was read.
          const [stored] = await reader.findBound([{ provider, providerTaskId: taskId }])
          if (stored?.owner === owner) return stored
          const bound = await lookUp({ owner, trace, webhookUrl: limits.webhookUrl }, provider, taskId)
          // A task of another caller is a miss.
          return bound?.owner === owner ? bound : null
        })
      }),
    )
    return found.map((each) => (each.status === 'fulfilled' ? each.value : asError(each.reason)))
  }

  /** The task of a provider task id, after asking the provider. */
  async function lookUp(by: Searcher, name: ProviderName, providerTaskId: string): Promise<Task | null> {
    const answer = await providers.get(name)?.check(providerTaskId, undefined, by.trace)
    switch (answer?.kind) {
      case undefined:
      case 'not-found':
        return null
      case 'inconclusive':
        throw new ProviderUnreadableError('The provider could not be asked for this task. Try again later.')
      case 'found':
        return bindOrAdopt(by, name, answer, providerTaskId)
    }
  }

  /** Binds the order that the callback URL in record-info belongs to, or else adopts the task for the caller. */
  async function bindOrAdopt(
    by: Searcher,
    name: ProviderName,
    answer: FoundTask,
    providerTaskId: string,
  ): Promise<Task | null> {
    const { callbackUrl, report } = answer
    const taskId = callbackUrl === null ? null : addresses.taskOf(callbackUrl)
    let task = taskId === null ? null : await record(taskId, report)
    const lostOrder = taskId === null || task !== null || callbackUrl === null ? null : addresses.orderOf(callbackUrl)
    if (lostOrder?.provider === name) {
      if (!(await restoreOrder(lostOrder, by.trace))) return null
      task = await record(lostOrder.taskId, report)
    }
    // A callback URL of a lost task that contains no order is ignored: the task is adopted like one made outside.
    if (task !== null) return recordInfoIdOf(task) === providerTaskId ? task : null
    if (await namesAnOrder(answer)) return null
    await rejectIfAnUnboundOrderMatches(name, answer)
    return adopt(by, name, answer)
  }

  /** null if the task was deleted. */
  async function adopt(by: Searcher, name: ProviderName, answer: FoundTask): Promise<Task | null> {
    const nowMs = clock.nowMs()
    const task = advance(adoptedTask(by, name, answer, nowMs), answer.report, nowMs)
    const retentionMs = providers.get(name)?.retentionMs ?? 0
    const state = { nowMs, lastCallbackMs: null, nextGraceEndsMs: null, retentionMs, jitter: random() }
    const archiveAtMs = archiveMs === null ? undefined : nowMs
    const adopted = await store.adopt(task, nextCheckAt(task, state, timings), {
      archiveAtMs,
      webhook: by.webhookUrl === null ? undefined : webhookEndpoint(by.owner, by.webhookUrl),
    })
    if (adopted === null) return null
    if (adopted.id === task.id) taskLog.created('task.adopted', adopted)
    changes.publish(adopted.id, adopted.owner)
    return adopted
  }

  /**
   * Whether the callback URL names an order of this store, or one that was deleted, even if its token does not verify. Such a task
   * is not adopted.
   */
  async function namesAnOrder({ callbackUrl }: FoundTask): Promise<boolean> {
    const named = callbackUrl === null ? null : addresses.namedIn(callbackUrl)
    return named !== null && ((await reader.find([named])).length > 0 || (await store.isDeleted(named)))
  }

  /**
   * Rejects with ProviderUnreadableError if the task may belong to an order that the provider has not answered yet: its callback
   * URL may be missing or masked. Once that order is answered, the task can be told apart.
   */
  async function rejectIfAnUnboundOrderMatches(name: ProviderName, answer: FoundTask): Promise<void> {
    const orders = await reader.findUnbound(name, maxUnboundOrders)
    if (!orders.some((order) => matches(order, answer))) return
    throw new ProviderUnreadableError('It is not known yet which order this task belongs to. Try again in a minute.')
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('A task could not be found.', { cause: reason })
}

function keyOf(provider: ProviderName, providerTaskId: string): string {
  return `${provider}/${providerTaskId}`
}

function adoptedTask({ owner, trace }: Searcher, provider: ProviderName, found: FoundTask, nowMs: number): Task {
  const { report, createdAtMs } = found
  const completedAtMs = report.outcome.state === 'pending' ? null : report.outcome.completedAtMs
  const times = [createdAtMs, completedAtMs].filter((time) => time !== null)
  return {
    ...firstState,
    id: newTaskId(),
    owner,
    provider,
    providerTaskId: report.providerTaskId,
    type: report.type,
    musicTaskId: null,
    audioId: report.audioId,
    reference: null,
    charge: 'CHARGED',
    createdAtMs: Math.min(...times, nowMs),
    updatedAtMs: nowMs,
    trace,
    isCreatedAtKnown: times.length > 0,
  }
}

/** Whether a task at the provider may belong to an unbound order: nothing that is known about it says otherwise. */
function matches(order: Task, { report, createdAtMs }: FoundTask): boolean {
  if (order.sharedProviderTaskId !== null) return false
  if (report.audioId !== null && report.audioId !== order.audioId) return false
  if (report.type !== null && report.type !== order.type) return false
  return createdAtMs === null || createdAtMs >= order.createdAtMs - clockToleranceMs
}
