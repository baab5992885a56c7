import { RateLimiterMemory } from 'rate-limiter-flexible'
import { advance } from './advance.ts'
import { nextCheckAt, type CheckTimes } from './check-times.ts'
import { ProviderUnreadableError, TooManyMissesError } from './errors.ts'
import type { CallbackAddresses, CheckAnswer, Provider, Store } from './ports.ts'
import { isProviderId } from './provider-id.ts'
import type { Record } from './record.ts'
import { isTaskId, newTaskId } from './task-id.ts'
import type { ProviderName, Task } from './task.ts'

export interface FindOptions {
  readonly store: Store
  readonly record: Record
  readonly providers: ReadonlyMap<ProviderName, Provider>
  readonly defaultProvider: ProviderName
  readonly addresses: CallbackAddresses
  readonly times: CheckTimes
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
 * caller has asked for too many unknown ones.
 */
export type Find = (owner: string, refs: readonly TaskRef[]) => Promise<readonly (Task | null | Error)[]>

/** How long it is remembered that a provider does not know an id. */
const missLifeMs = 60_000
const maxRememberedMisses = 10_000
/** How many ids unknown to everybody one caller may have asked for at the provider, and within which time. */
const missesPerCaller = { points: 30, duration: 60 }

/** The ids that are known of providers are single words; for anything else the provider is not asked. */
const askedForm = /^[\w.~:=+-]+$/

export function createFind(options: FindOptions): Find {
  const { store, record, providers, defaultProvider, addresses, times } = options
  const asking = new Map<string, Promise<Task | null>>()
  const misses = new Map<string, number>()
  const missLimit = new RateLimiterMemory(missesPerCaller)

  return async function find(owner, refs) {
    const named = refs.map((ref) => ({ ...ref, provider: ref.provider ?? defaultProvider }))
    const ours = named.filter(({ taskId }) => isTaskId(taskId)).map(({ taskId }) => taskId)
    const theirs = named.filter(({ taskId }) => !isTaskId(taskId) && isProviderId(taskId))
    const known = [
      ...(ours.length > 0 ? await store.find(ours) : []),
      ...(theirs.length > 0
        ? await store.findBound(theirs.map(({ provider, taskId }) => ({ provider, providerTaskId: taskId })))
        : []),
    ]
    const byName = new Map<string, Task>()
    for (const task of known) {
      byName.set(task.id, task)
      if (task.providerTaskId !== null) byName.set(nameOf(task.provider, task.providerTaskId), task)
    }
    const found = await Promise.allSettled(
      named.map(async ({ taskId, provider }) => {
        const task = byName.get(isTaskId(taskId) ? taskId : nameOf(provider, taskId))
        if (task?.owner === owner) return task
        if (isTaskId(taskId) || !isProviderId(taskId) || !askedForm.test(taskId)) return null
        return askOnce(owner, provider, taskId)
      }),
    )
    return found.map((each) => (each.status === 'fulfilled' ? each.value : asError(each.reason)))
  }

  async function askOnce(owner: string, provider: ProviderName, providerTaskId: string): Promise<Task | null> {
    const name = nameOf(provider, providerTaskId)
    if ((misses.get(name) ?? 0) > Date.now()) return null
    const mine = JSON.stringify([owner, name])
    const answer = asking.get(mine) ?? askProvider(owner, provider, providerTaskId)
    asking.set(mine, answer)
    try {
      const task = await answer
      if (task?.owner === owner) return task
      remember(name)
      return null
    } finally {
      asking.delete(mine)
    }
  }

  /** The task that bears the id after the provider was asked: adopted, bound by its own callback URL, or none. */
  async function askProvider(owner: string, name: ProviderName, providerTaskId: string): Promise<Task | null> {
    const provider = providers.get(name)
    if (provider === undefined) return null
    await countMiss(owner)
    const answer = await provider.check(providerTaskId)
    switch (answer.kind) {
      case 'not-visible':
        return null
      case 'no-news':
        throw new ProviderUnreadableError('The provider could not be asked for this task. Try again later.')
      case 'seen': {
        const task = await taskOf(owner, name, answer, providerTaskId)
        // Another's task costs what an unknown one costs.
        if (task?.owner === owner) await missLimit.reward(owner)
        return task
      }
    }
  }

  /** The task that is seen: one that bears the id, or that was ordered with the callback address, or the asker's from now on. */
  async function taskOf(
    owner: string,
    name: ProviderName,
    answer: Extract<CheckAnswer, { kind: 'seen' }>,
    providerTaskId: string,
  ): Promise<Task | null> {
    const ordered = answer.callbackUrl === null ? null : addresses.taskOf(answer.callbackUrl)
    const bearer = ordered === null ? null : await record(ordered, answer.told)
    // An address of ours whose task no store has any more is a task made outside, like any other.
    if (bearer !== null) return bearer.providerTaskId === providerTaskId ? bearer : null
    const nowMs = store.nowMs()
    const task = advance(adoptedTask(owner, name, answer, nowMs), answer.told, nowMs)
    return store.adopt(
      task,
      nextCheckAt(task, { nowMs, lastHeardMs: null, hasWords: false, chance: Math.random() }, times),
    )
  }

  async function countMiss(owner: string): Promise<void> {
    try {
      await missLimit.consume(owner)
    } catch (limit) {
      const waitMs = typeof limit === 'object' && limit !== null && 'msBeforeNext' in limit ? limit.msBeforeNext : null
      throw new TooManyMissesError(typeof waitMs === 'number' ? Math.ceil(waitMs / 1000) : missesPerCaller.duration)
    }
  }

  function remember(name: string): void {
    const [oldest] = misses.keys()
    if (misses.size >= maxRememberedMisses && oldest !== undefined) misses.delete(oldest)
    misses.set(name, Date.now() + missLifeMs)
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('A task could not be found.', { cause: reason })
}

function nameOf(provider: ProviderName, providerTaskId: string): string {
  return `${provider}/${providerTaskId}`
}

function adoptedTask(
  owner: string,
  provider: ProviderName,
  seen: Extract<CheckAnswer, { kind: 'seen' }>,
  nowMs: number,
): Task {
  return {
    id: newTaskId(),
    owner,
    provider,
    providerTaskId: seen.told.providerTaskId,
    type: seen.told.type,
    musicTaskId: null,
    audioId: seen.told.audioId,
    musicId: null,
    originUrl: null,
    charge: 'CHARGED',
    revision: 1,
    createdAtMs: Math.min(seen.createdAtMs ?? nowMs, nowMs),
    state: 'pending',
    emptySinceMs: null,
  }
}
