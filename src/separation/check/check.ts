import { nextGraceEndsMs, reportsToTake, type ReadableCallback } from './callback-grace.ts'
import { nextCheckAt, type CheckTimes } from './check-schedule.ts'
import { conclusionOf, type Reading } from './conclusion.ts'
import { StoreUnavailableError } from '../errors.ts'
import type { Record } from '../advance/record.ts'
import type { Told } from '../advance/report.ts'
import { isSettled, readableIdOf, type ProviderName, type Task } from '../task.ts'
import { within } from '../../runtime/with-timeout.ts'
import type { CallbackAddresses } from '../callback/callback-address.ts'
import type { CallbackNote, Store } from '../store.ts'
import type { CheckAnswer, Provider } from '../provider.ts'
import type { Log } from '../../runtime/log.ts'

export interface CheckOptions {
  readonly store: Store
  readonly record: Record
  readonly providers: ReadonlyMap<ProviderName, Provider>
  readonly addresses: CallbackAddresses
  readonly times: CheckTimes
  readonly log: Log
  /** Whether the answer to the task's submit is still being waited for. */
  readonly isSubmitting: (taskId: string) => boolean
}

/**
 * Asks for a task and records what is learnt; tells when to ask next, in milliseconds since 1970, or null for never.
 * @param onTurn called when the task waits no longer for its turn within the provider's rate, or needs none
 */
export type Check = (task: Task, onTurn?: () => void) => Promise<number | null>

interface NamedIds {
  /** What record-info is read by, in turn. */
  readonly candidates: readonly string[]
  /** Those that stand in callbacks which can be trusted. */
  readonly trusted: ReadonlySet<string>
}

/** The task after record-info was read, and what the read taught. */
interface ReadTask extends Reading {
  readonly task: Task
  /** Ids that callbacks named and that are another task's. */
  readonly refuted: ReadonlySet<string>
}

/** How many ids one check asks for, of a task that has none of its own: its callbacks may have named any number. */
const mostCandidates = 3
/** How long a provider that is off is taken to keep files. */
const assumedRetentionMs = 14 * 24 * 60 * 60_000

export function createCheck(options: CheckOptions): Check {
  const { store, record, providers, addresses, times, log, isSubmitting } = options

  return async function check(task, onTurn = () => {}) {
    const notes = await store.notes(task.id)
    const named = await namedIds(task, notes)
    const readable = notes
      .filter((note): note is ReadableCallback => note.told !== null)
      .filter(({ told }) => named.trusted.has(told.providerTaskId))

    const reading = read(task, named, onTurn)
    const inTime = readable.length === 0 ? await reading : await within(times.callbackGraceMs, reading)
    if (inTime === null) {
      // A provider that hangs does not hold up what its callbacks have said already, neither here nor in those that wait.
      reading.catch(() => {})
      const settled = await takeCallbacks(task, readable, store.nowMs())
      if (isSettled(settled)) return nextAt(settled, notes, [])
    }

    const known = inTime ?? (await reading)
    const own = readable.filter(({ told: { providerTaskId } }) =>
      known.task.providerTaskId === null
        ? !known.refuted.has(providerTaskId)
        : known.task.providerTaskId === providerTaskId,
    )
    // One time for both: a callback counts before anything is concluded at the end of the wait.
    const nowMs = store.nowMs()
    const concluded = await conclude(await takeCallbacks(known.task, own, nowMs), known, nowMs)
    return nextAt(concluded, notes, own)
  }

  function nextAt(task: Task, notes: readonly CallbackNote[], waiting: readonly ReadableCallback[]): number | null {
    const nowMs = store.nowMs()
    return nextCheckAt(
      task,
      {
        nowMs,
        lastHeardMs: notes.at(-1)?.receivedAtMs ?? null,
        nextGraceEndsMs: nextGraceEndsMs(task, waiting, nowMs, times),
        retentionMs: retentionMsOf(task),
        chance: Math.random(),
      },
      times,
    )
  }

  /**
   * By which ids record-info is read: the task's own, or else those that its callbacks name and no other task is bound to.
   * Of many, some: the turn of the others comes at another check.
   */
  async function namedIds(task: Task, notes: readonly CallbackNote[]): Promise<NamedIds> {
    const all = new Set(notes.flatMap(({ providerTaskId }) => providerTaskId ?? []))
    const ownId = readableIdOf(task)
    if (ownId !== null) return { candidates: [ownId], trusted: all }
    const spoken = new Set(notes.flatMap(({ told }) => told?.providerTaskId ?? []))
    // However many ids are only named, those that stand in readable callbacks are asked for.
    const unspoken = [...all].filter((id) => !spoken.has(id))
    const some = [...someOf([...spoken], mostCandidates), ...someOf(unspoken, mostCandidates)].slice(0, mostCandidates)
    const bound = await store.findBound(some.map((providerTaskId) => ({ provider: task.provider, providerTaskId })))
    const boundElsewhere = new Set(bound.filter(({ id }) => id !== task.id).map(({ providerTaskId }) => providerTaskId))
    return {
      candidates: some.filter((id) => !boundElsewhere.has(id)),
      // A callback with the task's own token is heard under whatever id: one that is another's binds nothing.
      trusted: new Set(some.filter((id) => spoken.has(id))),
    }
  }

  /** Reads record-info and records what it says. A read that goes wrong teaches nothing, and holds nothing else up. */
  async function read(task: Task, { candidates, trusted }: NamedIds, onTurn: () => void): Promise<ReadTask> {
    const provider = providers.get(task.provider)
    const refuted = new Set<string>()
    let hasAnswered = false
    if (provider === undefined || candidates.length === 0) onTurn()
    for (const candidate of provider === undefined ? [] : candidates) {
      const answer = await checked(() => provider?.check(candidate, onTurn), task)
      if (answer.kind !== 'no-news' || answer.isAnswer === true) hasAnswered = true
      if (answer.kind !== 'seen') continue
      const isOwn = candidate === readableIdOf(task)
      switch (isOwn ? 'ours' : whoseIs(answer, task, trusted.has(candidate))) {
        case 'ours': {
          const { outcome } = answer.told
          const isEmpty = outcome.state === 'succeeded' && outcome.stems.length === 0
          return { task: await recorded(task, answer.told), refuted, wasAsked: true, hasAnswered, isEmpty }
        }
        case 'another':
          refuted.add(candidate)
          break
        case 'unknown':
      }
    }
    return { task, refuted, wasAsked: candidates.length > 0, hasAnswered, isEmpty: false }
  }

  /**
   * Whose task an id is that a callback named. An echo of our callback address proves it. An echo in a spelling that proves
   * nothing takes nothing from a callback that can be trusted; only one that names another task of ours does.
   */
  function whoseIs(
    { callbackUrl }: Extract<CheckAnswer, { kind: 'seen' }>,
    task: Task,
    isTrusted: boolean,
  ): 'ours' | 'another' | 'unknown' {
    if (callbackUrl !== null) {
      if (addresses.taskOf(callbackUrl) === task.id) return 'ours'
      const named = addresses.namedIn(callbackUrl)
      if (named !== null && named !== task.id) return 'another'
    }
    return isTrusted ? 'ours' : 'unknown'
  }

  async function checked(ask: () => Promise<CheckAnswer> | undefined, task: Task): Promise<CheckAnswer> {
    try {
      return (await ask()) ?? { kind: 'no-news', cause: 'the provider is off' }
    } catch (error) {
      log.error({ err: error, taskId: task.id, provider: task.provider }, 'record-info could not be read')
      return { kind: 'no-news', cause: 'an error of the gateway' }
    }
  }

  async function recorded(task: Task, told: Told): Promise<Task> {
    try {
      return (await record(task.id, told)) ?? task
    } catch (error) {
      if (error instanceof StoreUnavailableError) throw error
      log.error({ err: error, taskId: task.id, provider: task.provider }, 'what record-info says could not be stored')
      return task
    }
  }

  /** Lets those callbacks count whose time has come, in one change. */
  async function takeCallbacks(task: Task, callbacks: readonly ReadableCallback[], nowMs: number): Promise<Task> {
    const reports = reportsToTake(task, callbacks, nowMs, times)
    return reports.length === 0 ? task : ((await record(task.id, reports)) ?? task)
  }

  function retentionMsOf({ provider }: Task): number {
    return providers.get(provider)?.retentionMs ?? assumedRetentionMs
  }

  /** Ends a wait that has lasted its time. What is concluded is concluded from the task as it then stands in the store. */
  async function conclude(task: Task, reading: Reading, nowMs: number): Promise<Task> {
    const conclusion = (current: Task) =>
      isSubmitting(current.id)
        ? null
        : conclusionOf(current, reading, nowMs, { ...times, retentionMs: retentionMsOf(current) })
    if (conclusion(task) === null) return task
    const concluded = await record(task.id, (current) => {
      const report = conclusion(current)
      return report === null ? [] : [{ report, atMs: nowMs }]
    })
    return concluded ?? task
  }
}

/** All of a few; of more so many as stand behind each other from anywhere on. */
function someOf<T>(items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items
  const from = Math.floor(Math.random() * items.length)
  return [...items.slice(from), ...items.slice(0, from)].slice(0, count)
}
