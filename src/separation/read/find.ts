import { advance } from '../advance/advance.ts'
import { nextCheckAt, type CheckTimings } from '../check/check-schedule.ts'
import { AdoptionNotAllowedError, ProviderUnreadableError } from '../errors.ts'
import { createMissLimit } from './miss-limit.ts'
import { isProviderId } from '../provider-task-id.ts'
import type { RecordReports } from '../advance/record.ts'
import type { RestoreOrder } from '../callback/restore-order.ts'
import { findEach } from './read-task.ts'
import { isTaskId, newTaskId } from '../task-id.ts'
import { recordInfoIdOf, type ProviderName, type Task } from '../task.ts'
import type { CallbackAddresses } from '../callback/callback-address.ts'
import type { CheckAnswer, Provider } from '../provider.ts'
import type { Store } from '../store.ts'

type FoundTask = Extract<CheckAnswer, { kind: 'found' }>

export interface FindOptions {
  readonly store: Store
  readonly record: RecordReports
  readonly restoreOrder: RestoreOrder
  readonly providers: ReadonlyMap<ProviderName, Provider>
  readonly defaultProvider: ProviderName
  readonly addresses: CallbackAddresses
  readonly times: CheckTimings
}

/** What a caller asks for: an id of ours, or the provider's own id for a task (of `provider`, or the default one). */
export interface TaskRef {
  readonly taskId: string
  readonly provider: ProviderName | null
}

/**
 * The caller's tasks, in the order of the refs; null where the caller has none. One read of the store, however many. A
 * provider's id that no task bears is asked for at the provider, and what is found becomes the caller's. In the place of
 * a ref stands a ProviderUnreadableError if the provider had to be asked and could not be, a TooManyMissesError if the
 * caller has asked for too many unknown ones, an AdoptionNotAllowedError if the provider must not be asked.
 */
export type Find = (
  owner: string,
  refs: readonly TaskRef[],
  options?: FindPermission,
) => Promise<readonly (Task | null | Error)[]>

export interface FindPermission {
  /** Whether the provider may be asked for what the store does not know; true if left out. */
  readonly mayAdopt?: boolean
}

/** How long it is remembered that a caller found nothing under an id. */
const missTtlMs = 60_000
const maxRememberedMisses = 10_000
/** How many ids unknown to everybody one caller may have asked for at the provider, and within which time. */
const missesPerCaller = { points: 30, duration: 60 }

/** How many unanswered orders are compared with a task that is to be adopted; more are under way at no account. */
const maxUnboundOrders = 1_000
/** How far a provider's clock may be behind ours for a task to be of an order nonetheless. */
const clockToleranceMs = 5 * 60_000

/** The ids that are known of providers are single words; for anything else the provider is not asked. */
const lookupPattern = /^[\w.~:=+-]+$/

export function createFind(options: FindOptions): Find {
  const { store, record, restoreOrder, providers, defaultProvider, addresses, times } = options
  const lookupsUnderWay = new Map<string, Promise<Task | null>>()
  const misses = new Map<string, number>()
  const missLimit = createMissLimit(missesPerCaller)

  return async function find(owner, refs, { mayAdopt = true } = {}) {
    const withProvider = refs.map((ref) => ({ ...ref, provider: ref.provider ?? defaultProvider }))
    const ownIds = withProvider.filter(({ taskId }) => isTaskId(taskId)).map(({ taskId }) => taskId)
    const providerIds = withProvider.filter(({ taskId }) => !isTaskId(taskId) && isProviderId(taskId))
    const own = ownIds.length > 0 ? await findEach(store, ownIds) : new Map<string, Task>()
    const known = [
      ...[...own.values()].flatMap((task) => (task instanceof Error ? [] : [task])),
      ...(providerIds.length > 0
        ? await store.findBound(providerIds.map(({ provider, taskId }) => ({ provider, providerTaskId: taskId })))
        : []),
    ]
    const byName = new Map<string, Task>()
    for (const task of known) {
      byName.set(task.id, task)
      if (task.providerTaskId !== null) byName.set(keyOf(task.provider, task.providerTaskId), task)
    }
    const found = await Promise.allSettled(
      withProvider.map(async ({ taskId, provider }) => {
        const unreadable = own.get(taskId)
        if (unreadable instanceof Error) throw unreadable
        const task = byName.get(isTaskId(taskId) ? taskId : keyOf(provider, taskId))
        if (task?.owner === owner) return task
        if (isTaskId(taskId) || !isProviderId(taskId) || !lookupPattern.test(taskId)) return null
        if (!mayAdopt && providers.has(provider)) throw new AdoptionNotAllowedError()
        return lookUpOnce(owner, provider, taskId)
      }),
    )
    return found.map((each) => (each.status === 'fulfilled' ? each.value : asError(each.reason)))
  }

  async function lookUpOnce(owner: string, provider: ProviderName, providerTaskId: string): Promise<Task | null> {
    const cacheKey = JSON.stringify([owner, keyOf(provider, providerTaskId)])
    if ((misses.get(cacheKey) ?? 0) > Date.now()) return null
    const answer =
      lookupsUnderWay.get(cacheKey) ??
      missLimit.run(
        owner,
        () => askProvider(owner, provider, providerTaskId),
        // Another's task costs what an unknown one costs.
        (task) => task?.owner !== owner,
      )
    lookupsUnderWay.set(cacheKey, answer)
    try {
      const task = await answer
      if (task?.owner === owner) return task
      rememberMiss(cacheKey)
      return null
    } finally {
      lookupsUnderWay.delete(cacheKey)
    }
  }

  /** The task that bears the id after the provider was asked: adopted, bound by its own callback URL, or none. */
  async function askProvider(owner: string, name: ProviderName, providerTaskId: string): Promise<Task | null> {
    const answer = await providers.get(name)?.check(providerTaskId)
    switch (answer?.kind) {
      case undefined:
      case 'not-found':
        return null
      case 'inconclusive':
        throw new ProviderUnreadableError('The provider could not be asked for this task. Try again later.')
      case 'found':
        return taskOf(owner, name, answer, providerTaskId)
    }
  }

  /** The task that is seen: one that bears the id, or that was ordered with the callback address, or the asker's from now on. */
  async function taskOf(
    owner: string,
    name: ProviderName,
    answer: FoundTask,
    providerTaskId: string,
  ): Promise<Task | null> {
    const { callbackUrl, report } = answer
    const taskId = callbackUrl === null ? null : addresses.taskOf(callbackUrl)
    let task = taskId === null ? null : await record(taskId, report)
    const restorable = taskId === null || task !== null || callbackUrl === null ? null : addresses.orderOf(callbackUrl)
    if (restorable?.provider === name) {
      await restoreOrder(restorable)
      task = await record(restorable.taskId, report)
    }
    // An address of ours whose task no store has any more, and which says nothing of its order, is like any task made outside.
    if (task !== null) return recordInfoIdOf(task) === providerTaskId ? task : null
    if (await isEchoOfAnOrder(answer)) return null
    await refuseIfMayBelongToAnOrder(name, answer)
    return adopt(owner, name, answer)
  }

  async function adopt(owner: string, name: ProviderName, answer: FoundTask): Promise<Task> {
    const nowMs = store.nowMs()
    const task = advance(adoptedTask(owner, name, answer, nowMs), answer.report, nowMs)
    const retentionMs = providers.get(name)?.retentionMs ?? 0
    const state = { nowMs, lastCallbackMs: null, nextGraceEndsMs: null, retentionMs, jitter: Math.random() }
    return store.adopt(task, nextCheckAt(task, state, times))
  }

  /** An echo that names an order of ours in a spelling that proves nothing gives the task to nobody else. */
  async function isEchoOfAnOrder({ callbackUrl }: FoundTask): Promise<boolean> {
    const withProvider = callbackUrl === null ? null : addresses.namedIn(callbackUrl)
    return withProvider !== null && (await store.find([withProvider])).length > 0
  }

  /**
   * A task may be of an order that its provider has not answered yet, even if it echoes no address of ours, or one in a
   * spelling that proves nothing. It is nobody's until that order is answered. Throws ProviderUnreadableError.
   */
  async function refuseIfMayBelongToAnOrder(name: ProviderName, answer: FoundTask): Promise<void> {
    const orders = await store.findUnbound(name, maxUnboundOrders)
    if (!orders.some((order) => mayBelongTo(order, answer))) return
    throw new ProviderUnreadableError('It is not known yet to which order this task belongs. Try again in a minute.')
  }

  function rememberMiss(name: string): void {
    const [oldest] = misses.keys()
    if (misses.size >= maxRememberedMisses && oldest !== undefined) misses.delete(oldest)
    misses.set(name, Date.now() + missTtlMs)
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('A task could not be found.', { cause: reason })
}

function keyOf(provider: ProviderName, providerTaskId: string): string {
  return `${provider}/${providerTaskId}`
}

function adoptedTask(owner: string, provider: ProviderName, seen: FoundTask, nowMs: number): Task {
  const { report, createdAtMs } = seen
  const completedAtMs = report.outcome.state === 'pending' ? null : report.outcome.completedAtMs
  const times = [createdAtMs, completedAtMs].filter((time) => time !== null)
  return {
    id: newTaskId(),
    owner,
    provider,
    providerTaskId: report.providerTaskId,
    sharedProviderTaskId: null,
    type: report.type,
    musicTaskId: null,
    audioId: report.audioId,
    musicId: null,
    originUrl: null,
    charge: 'CHARGED',
    revision: 1,
    createdAtMs: Math.min(...times, nowMs),
    isCreatedAtKnown: times.length > 0,
    state: 'pending',
    partial: null,
    incompleteSinceMs: null,
  }
}

/** Whether nothing that is known of a provider's task says that it is not this order's. */
function mayBelongTo(order: Task, { report, createdAtMs }: FoundTask): boolean {
  if (order.sharedProviderTaskId !== null) return false
  if (report.audioId !== null && report.audioId !== order.audioId) return false
  if (report.type !== null && report.type !== order.type) return false
  return createdAtMs === null || createdAtMs >= order.createdAtMs - clockToleranceMs
}
